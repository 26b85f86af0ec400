-- $1 seconds after which a runner that is silent has none of a run. Locks all jobs, in order, so that one run begins at a time.
SELECT
    j.job,
    j.next_at,
    j.failures_in_a_row,
    j.run_number,
    j.heard_at,
    clock_timestamp() AS now,
    abs(extract(EPOCH FROM clock_timestamp() - j.heard_at)) <= $1::double precision
    AND (
        j.session_pid IS NULL
        OR EXISTS (
            SELECT FROM pg_catalog.pg_stat_activity AS a
            WHERE a.pid = j.session_pid AND coalesce(a.backend_start = j.session_began_at, true)
        )
    ) AS is_alive
FROM "prefix".aftersend_jobs AS j
ORDER BY j.job
FOR UPDATE
