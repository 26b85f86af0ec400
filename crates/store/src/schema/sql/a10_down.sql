-- squawk-ignore-file ban-drop-table -- our own, read by nobody else; only what the last runs did is lost
DROP TABLE IF EXISTS "prefix".aftersend_job_runs;
DROP TABLE IF EXISTS "prefix".aftersend_jobs;
