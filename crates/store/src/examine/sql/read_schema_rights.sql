-- $1 the schema: whether we may use what is in it. No row where there is no such schema.
SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
FROM pg_catalog.pg_namespace AS n
WHERE n.nspname = $1
