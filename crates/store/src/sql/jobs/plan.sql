-- $1 the job, $2 its schedule, $3 when it is due; $4 and $5 what stood there. Not where somebody was quicker.
UPDATE "prefix".aftersend_jobs
SET schedule = $2, next_at = $3
WHERE job = $1 AND schedule IS NOT DISTINCT FROM $4 AND next_at IS NOT DISTINCT FROM $5
