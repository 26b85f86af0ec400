-- $1 the job, $2 its failures in a row, $3 what all its runs came to, $4 when it is due.
UPDATE "prefix".aftersend_jobs
SET
    run_number = NULL,
    heard_at = NULL,
    session_pid = NULL,
    session_began_at = NULL,
    failures_in_a_row = $2,
    totals = $3::text::jsonb,
    next_at = $4
WHERE job = $1
