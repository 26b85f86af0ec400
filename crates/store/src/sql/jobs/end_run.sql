-- $1 the run, $2 how it ended, $3 what it did, $4 why it failed.
UPDATE "prefix".aftersend_job_runs
SET outcome = $2, ended_at = clock_timestamp(), did = $3::text::jsonb, failure = $4
WHERE number = $1
