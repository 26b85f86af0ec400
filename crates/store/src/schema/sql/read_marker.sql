-- $1 the schema: the comment of PhoenixKit's marker table, which is all there is to tell a version by.
SELECT pg_catalog.obj_description(c.oid, 'pg_class')
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relname = 'phoenix_kit'
  AND c.relkind IN ('r', 'p')
