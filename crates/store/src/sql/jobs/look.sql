-- What is planned, and what time the server has.
SELECT j.job, j.schedule, j.next_at, clock_timestamp() AS now
FROM "prefix".aftersend_jobs AS j
