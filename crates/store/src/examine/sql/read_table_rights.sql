-- $1 the schema, $2 tables: what we may do with those that are there.
SELECT c.relname::text AS name,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AS "select",
       pg_catalog.has_table_privilege(c.oid, 'INSERT') AS "insert",
       pg_catalog.has_table_privilege(c.oid, 'UPDATE') AS "update",
       pg_catalog.has_table_privilege(c.oid, 'DELETE') AS "delete",
       pg_catalog.row_security_active(c.oid) AS has_policies
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relname = ANY($2)
  AND c.relkind IN ('r', 'p')
ORDER BY c.relname
