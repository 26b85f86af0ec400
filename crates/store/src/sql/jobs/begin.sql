-- $1 the job, $2 who runs it, $3 whether by schedule.
INSERT INTO "prefix".aftersend_job_runs (job, runner, by_schedule)
VALUES ($1, $2, $3)
RETURNING number, began_at
