-- $1 a run of the job that ends here, $2 why, where it failed: runs of the archiver that began under it and could not say
-- themselves how they ended.
UPDATE "prefix".aftersend_archive_runs AS run
SET ended_at = clock_timestamp(), failure = $2
FROM "prefix".aftersend_job_runs AS job
WHERE job.number = $1
  AND run.ended_at IS NULL
  AND run.began_at >= job.began_at
