-- $1 the schema, $2 tables: how many of them carry the mark of step 136.
SELECT count(*)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relname = ANY($2)
  AND pg_catalog.obj_description(c.oid, 'pg_class') = 'made by Aftersend'
