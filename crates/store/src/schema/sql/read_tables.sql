-- $1 the schema, $2 names: which of them are tables.
SELECT c.relname::text
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relname = ANY($2)
  AND c.relkind IN ('r', 'p')
