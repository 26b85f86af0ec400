-- $1 the job, $2 its run, $3 what it has done so far, $4 whether the session is the runner's own. No row where the run is
-- somebody else's by now.
WITH held AS (
    UPDATE "prefix".aftersend_jobs AS j
    SET
        heard_at = clock_timestamp(),
        session_pid = CASE WHEN $4 THEN pg_backend_pid() END,
        session_began_at = CASE
            WHEN $4 THEN (SELECT a.backend_start FROM pg_catalog.pg_stat_activity AS a WHERE a.pid = pg_backend_pid())
        END
    WHERE j.job = $1 AND j.run_number = $2
    RETURNING j.run_number
)

UPDATE "prefix".aftersend_job_runs AS r
SET did = $3::text::jsonb
FROM held
WHERE r.number = held.run_number
RETURNING r.number
