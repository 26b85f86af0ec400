-- $1 the schema, $2 tables, $3 seconds: transactions as old as that which index builds wait for, since they may see
-- rows of before, and all that hold a lock on the tables. Never what they run.
-- https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
WITH lock_holder AS (
    SELECT held.pid, held.mode NOT IN ('AccessShareLock', 'RowShareLock') AS writes
    FROM pg_catalog.pg_locks AS held
    JOIN pg_catalog.pg_class AS c ON c.oid = held.relation
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE held.granted
      AND held.locktype = 'relation'
      AND held.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
      AND n.nspname = $1
      AND c.relname = ANY($2)
)
SELECT session.pid,
       'process ' || session.pid || ' of the server' AS who,
       nullif(session.application_name, '') AS application,
       session.usename::text AS user_name,
       session.state,
       session.xact_start AS since,
       EXISTS (SELECT FROM lock_holder WHERE lock_holder.pid = session.pid) AS holds_lock,
       EXISTS (SELECT FROM lock_holder WHERE lock_holder.pid = session.pid AND lock_holder.writes) AS writes
FROM pg_catalog.pg_stat_activity AS session
WHERE session.datname = pg_catalog.current_database()
  AND session.pid <> pg_catalog.pg_backend_pid()
  AND session.xact_start < clock_timestamp() - make_interval(secs => $3)
  -- Nobody waits for a vacuum's snapshot, and PostgreSQL ends an autovacuum whose lock is in the way.
  AND session.backend_type <> 'autovacuum worker'
  AND (session.backend_xmin IS NOT NULL OR session.pid IN (SELECT pid FROM lock_holder))
UNION ALL
SELECT NULL,
       'the prepared transaction ' || quote_literal(prepared.gid),
       NULL,
       prepared.owner::text,
       'prepared',
       prepared.prepared,
       true,
       true
FROM pg_catalog.pg_prepared_xacts AS prepared
WHERE prepared.database = pg_catalog.current_database()
ORDER BY since
