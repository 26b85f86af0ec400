-- $1 a run of which nobody has heard any more, $2 when its runner was last heard of, $3 what is to be said of it.
UPDATE "prefix".aftersend_job_runs
SET outcome = 'failed', ended_at = greatest(began_at, $2), failure = $3
WHERE number = $1 AND outcome IS NULL
