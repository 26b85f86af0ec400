-- $1 the schema, $2 tables: the session that has been in a transaction with a lock on one of them for longest. $3
-- whether a row's lock is meant, which nobody has who only reads.
SELECT CASE WHEN held.pid IS NULL THEN 'a prepared transaction (pg_prepared_xacts lists them)' ELSE
    'process ' || session.pid || ' of the server ('
    || concat_ws(
        ', ',
        nullif(session.application_name, ''),
        'user ' || session.usename,
        nullif(session.backend_type, 'client backend'),
        session.state,
        'in a transaction since ' || to_char(session.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS "UTC"')
    ) || ')'
END
FROM pg_catalog.pg_locks AS held
JOIN pg_catalog.pg_class AS c ON c.oid = held.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_activity AS session ON session.pid = held.pid
WHERE held.granted
  AND held.locktype = 'relation'
  AND held.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND n.nspname = $1
  AND c.relname = ANY($2)
  AND held.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
  AND (held.pid IS NULL OR session.pid IS NOT NULL)
  AND NOT ($3 AND held.mode = 'AccessShareLock')
ORDER BY session.xact_start NULLS LAST
LIMIT 1
