-- $1 jobs: a row for each that has none.
INSERT INTO "prefix".aftersend_jobs (job)
SELECT unnest($1::text [])
ON CONFLICT (job) DO NOTHING
