-- $1 the job, $2 how many of its runs are kept.
DELETE FROM "prefix".aftersend_job_runs
WHERE job = $1 AND number <= (
    SELECT r.number
    FROM "prefix".aftersend_job_runs AS r
    WHERE r.job = $1
    ORDER BY r.number DESC
    OFFSET $2
    LIMIT 1
)
