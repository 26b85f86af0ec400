-- $1 the migrator's server process: how far its index build is, and whom it waits for. Always one row.
-- https://www.postgresql.org/docs/current/progress-reporting.html#CREATE-INDEX-PROGRESS-REPORTING
SELECT build.phase,
       CASE
           WHEN build.tuples_total > 0 THEN build.tuples_done
           WHEN build.blocks_total > 0 THEN build.blocks_done
           ELSE build.lockers_done
       END AS done,
       CASE
           WHEN build.tuples_total > 0 THEN build.tuples_total
           WHEN build.blocks_total > 0 THEN build.blocks_total
           ELSE build.lockers_total
       END AS total,
       CASE
           WHEN build.tuples_total > 0 THEN 'rows'
           WHEN build.blocks_total > 0 THEN 'blocks'
           ELSE 'transactions'
       END AS unit,
       (
           SELECT 'process ' || session.pid || ' of the server ('
               || concat_ws(
                   ', ',
                   nullif(session.application_name, ''),
                   'user ' || session.usename,
                   nullif(session.backend_type, 'client backend'),
                   session.state,
                   'in a transaction since ' || to_char(session.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS "UTC"')
               ) || ')'
           FROM unnest(pg_catalog.pg_blocking_pids($1)) AS blocker (pid)
           JOIN pg_catalog.pg_stat_activity AS session ON session.pid = blocker.pid
           ORDER BY session.xact_start NULLS LAST
           LIMIT 1
       ) AS waits_for
FROM (SELECT) AS always
LEFT JOIN pg_catalog.pg_stat_progress_create_index AS build ON build.pid = $1
