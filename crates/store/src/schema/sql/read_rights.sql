-- $1 the schema, $2 tables: whether we may create things there, and whom those of the tables belong to that are not ours. No row where there
-- is no such schema.
SELECT current_user::text AS username,
       pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS creates,
       (
           SELECT pg_catalog.string_agg(DISTINCT pg_catalog.pg_get_userbyid(c.relowner)::text, ', ')
           FROM pg_catalog.pg_class AS c
           WHERE c.relnamespace = n.oid
             AND c.relname = ANY($2)
             AND c.relkind IN ('r', 'p')
             AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')
       ) AS owners
FROM pg_catalog.pg_namespace AS n
WHERE n.nspname = $1
