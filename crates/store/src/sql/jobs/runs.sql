-- $1 the job, $2 how many: its last runs that have ended, newest first.
SELECT
    r.number AS last_number,
    r.runner AS last_runner,
    r.by_schedule AS last_by_schedule,
    r.began_at AS last_began_at,
    r.ended_at AS last_ended_at,
    r.outcome AS last_outcome,
    r.did::text AS last_did,
    r.failure AS last_failure
FROM "prefix".aftersend_job_runs AS r
WHERE r.job = $1 AND r.outcome IS NOT NULL
ORDER BY r.number DESC
LIMIT $2
