-- $1 the job, $2 its run. No row where the run is somebody else's by now.
SELECT j.failures_in_a_row, j.totals::text AS totals, j.next_at, clock_timestamp() AS now
FROM "prefix".aftersend_jobs AS j
WHERE j.job = $1 AND j.run_number = $2
FOR UPDATE
