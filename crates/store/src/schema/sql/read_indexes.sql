-- $1 the schema, $2 names, $3 those among them that must be unique: which indexes of those names are there, and
-- whether they are of use. A build that failed leaves an index that is not valid.
SELECT c.relname::text, i.indisvalid AND (i.indisunique OR c.relname <> ALL($3))
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relname = ANY($2)
ORDER BY c.relname
