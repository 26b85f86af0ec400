-- $1 the schema, $2 names: what goes by those names.
SELECT c.relname::text AS name,
       c.relkind::text AS kind,
       c.relrowsecurity AS row_security,
       pg_catalog.pg_get_userbyid(c.relowner)::text AS owner,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned,
       ARRAY(
           SELECT t.tgname::text
           FROM pg_catalog.pg_trigger AS t
           WHERE t.tgrelid = c.oid
             AND NOT t.tgisinternal
           ORDER BY t.tgname
       ) AS triggers
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relname = ANY($2)
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
