-- $1 the job, $2 its run, $3 whether the session is the runner's own.
UPDATE "prefix".aftersend_jobs
SET
    run_number = $2,
    heard_at = clock_timestamp(),
    session_pid = CASE WHEN $3 THEN pg_backend_pid() END,
    session_began_at = CASE
        WHEN $3 THEN (SELECT a.backend_start FROM pg_catalog.pg_stat_activity AS a WHERE a.pid = pg_backend_pid())
    END
WHERE job = $1
