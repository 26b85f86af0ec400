-- $1 the schema, $2 names: which indexes of those names are there, and whether they are of use. A build that
-- failed leaves an index that is not valid.
SELECT c.relname::text, i.indisvalid
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relname = ANY($2)
ORDER BY c.relname
