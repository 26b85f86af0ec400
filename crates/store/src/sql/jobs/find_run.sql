-- $1 a run that is at work.
SELECT r.number, r.runner, r.by_schedule, r.began_at, r.did::text AS did
FROM "prefix".aftersend_job_runs AS r
WHERE r.number = $1
