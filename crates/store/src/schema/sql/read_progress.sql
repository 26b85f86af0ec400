-- What the last run wrote about itself, and whether its server process is still there.
SELECT progress.step,
       progress.direction,
       progress.phase,
       progress.done,
       progress.total,
       progress.unit,
       progress.percent,
       progress.waits_for,
       progress.server_pid,
       progress.phase_began_at,
       progress.updated_at,
       EXISTS (
           SELECT FROM pg_catalog.pg_stat_activity AS session
           WHERE session.pid = progress.server_pid
             AND session.datname = pg_catalog.current_database()
             AND session.application_name = 'aftersend migrate'
       ) AS running
FROM "prefix".aftersend_progress AS progress
