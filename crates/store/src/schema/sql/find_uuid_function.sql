-- $1 the schema: the comment of its function uuid_generate_v7, empty where it has none.
SELECT coalesce(pg_catalog.obj_description(p.oid, 'pg_proc'), '')
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = $1
  AND p.proname = 'uuid_generate_v7'
  AND p.pronargs = 0
