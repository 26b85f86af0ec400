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
           SELECT CASE WHEN blocker.pid = 0 THEN 'a prepared transaction (pg_prepared_xacts lists them)' ELSE
               'process ' || blocker.pid || ' of the server ('
               || concat_ws(
                   ', ',
                   nullif(session.application_name, ''),
                   'user ' || session.usename,
                   nullif(session.backend_type, 'client backend'),
                   session.state,
                   'in a transaction since ' || to_char(session.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS "UTC"')
               ) || ')'
           END
           FROM (
               SELECT pid, 1 AS place
               FROM unnest(blockers.pids) AS blocker (pid)
               UNION ALL
               -- A build waits for one transaction after the other, and while that is our own, for these as well.
               SELECT held.pid, 2
               FROM pg_catalog.pg_locks AS held
               WHERE held.granted
                 AND held.locktype = 'relation'
                 AND (held.database, held.relation) IN (
                     SELECT built.database, built.relation
                     FROM pg_catalog.pg_locks AS built
                     WHERE built.pid = $1
                       AND built.locktype = 'relation'
                       AND built.mode = 'ShareUpdateExclusiveLock'
                       AND built.granted
                 )
                 AND held.mode NOT IN ('AccessShareLock', 'RowShareLock', 'ShareLock')
                 AND held.pid <> $1
                 AND cardinality(blockers.pids) > 0
           ) AS blocker
           LEFT JOIN pg_catalog.pg_stat_activity AS session ON session.pid = blocker.pid
           WHERE coalesce(session.application_name, '') NOT LIKE 'aftersend migrate, %'
           ORDER BY blocker.place, session.xact_start NULLS LAST
           LIMIT 1
       ) AS waits_for
FROM (SELECT pg_catalog.pg_blocking_pids($1) AS pids) AS blockers
LEFT JOIN pg_catalog.pg_stat_progress_create_index AS build ON build.pid = $1
