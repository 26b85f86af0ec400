-- What the server says of itself and of us. The limits of connections are the server's, less what it keeps for
-- superusers, and the role's own (-1 is none). Of others' sessions we may see the database, and nothing else.
SELECT pg_catalog.current_setting('server_version') AS version,
       pg_catalog.current_setting('server_version_num')::int AS version_number,
       current_user::text AS username,
       pg_catalog.pg_is_in_recovery() AS is_standby,
       -- What the session began with: we have set it since.
       (
           SELECT s.reset_val = 'on' FROM pg_catalog.pg_settings AS s WHERE s.name = 'default_transaction_read_only'
       ) AS is_read_only,
       extract(EPOCH FROM pg_catalog.clock_timestamp())::float8 AS clock_s,
       least(
           pg_catalog.current_setting('max_connections')::bigint
           - pg_catalog.current_setting('superuser_reserved_connections')::bigint
           - (SELECT count(*) FROM pg_catalog.pg_stat_activity AS a WHERE a.datid IS NOT NULL),
           (
               SELECT r.rolconnlimit::bigint
                      - (SELECT count(*) FROM pg_catalog.pg_stat_activity AS a WHERE a.usesysid = r.oid)
               FROM pg_catalog.pg_roles AS r
               WHERE r.rolname = session_user AND r.rolconnlimit >= 0
           )
       ) AS connections_free,
       EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = 'pg_trgm') AS has_trigrams,
       EXISTS (SELECT FROM pg_catalog.pg_available_extensions AS e WHERE e.name = 'pg_trgm') AS offers_trigrams
