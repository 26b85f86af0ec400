-- $1 the job, $2 its schedule: nobody plans it by that one any more. What is due stays so.
UPDATE "prefix".aftersend_jobs
SET schedule = NULL
WHERE job = $1 AND schedule = $2
