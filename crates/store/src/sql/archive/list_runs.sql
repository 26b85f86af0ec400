-- $1 how many, $2 seconds after which a runner that is silent has none of a job: the last runs. One that has not said how it
-- ended is at work if it began under a run of the job that somebody holds.
SELECT run.number, run.store, run.began_at, run.ended_at, run.objects, run.mails, run.events, run.late_events, run.bytes,
       run.removed_mails, run.unreadable_mails, run.first_unreadable, run.failure,
       run.walked_below IS NOT NULL AS is_through,
       EXISTS (
           SELECT FROM "prefix".aftersend_jobs AS job
           JOIN "prefix".aftersend_job_runs AS held ON held.number = job.run_number
           WHERE job.job = 'archive'
             AND held.began_at <= run.began_at
             AND abs(extract(EPOCH FROM clock_timestamp() - job.heard_at)) <= $2::double precision
             AND (
                 job.session_pid IS NULL
                 OR EXISTS (
                     SELECT FROM pg_catalog.pg_stat_activity AS session
                     WHERE session.pid = job.session_pid
                       AND coalesce(session.backend_start = job.session_began_at, true)
                 )
             )
       ) AS is_at_work
FROM "prefix".aftersend_archive_runs AS run
ORDER BY run.number DESC
LIMIT $1
