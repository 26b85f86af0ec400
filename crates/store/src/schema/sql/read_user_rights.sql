-- $1 the schema: what the user may do there and in the database.
SELECT current_user::text AS name,
       pg_catalog.pg_is_in_recovery() OR (
           -- What the session began with: we have set it since.
           SELECT reset_val = 'on' FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only'
       ) AS read_only,
       n.oid IS NOT NULL AS has_schema,
       CASE
           WHEN n.oid IS NULL THEN pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
           ELSE pg_catalog.has_schema_privilege(n.oid, 'CREATE')
       END AS may_create,
       pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') AS sees_sessions,
       EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_trgm') AS has_trigrams,
       EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'pg_trgm') AS offers_trigrams,
       (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
           OR (
               pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
               AND EXISTS (
                   SELECT FROM pg_catalog.pg_available_extension_versions WHERE name = 'pg_trgm' AND trusted
               )
           ) AS may_make_trigrams
FROM (SELECT) AS always
LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = $1
