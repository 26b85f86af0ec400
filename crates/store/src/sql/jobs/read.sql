-- $1 seconds after which a runner that is silent has none of a run. Jobs that anybody has planned or begun, their last
-- runs, and those that are at work.
SELECT
    j.job,
    j.schedule,
    j.next_at,
    extract(EPOCH FROM clock_timestamp() - j.next_at)::double precision AS overdue_s,
    j.failures_in_a_row,
    j.totals::text AS totals,
    j.heard_at,
    abs(extract(EPOCH FROM clock_timestamp() - j.heard_at)) <= $1::double precision
    AND (
        j.session_pid IS NULL
        OR EXISTS (
            SELECT FROM pg_catalog.pg_stat_activity AS a
            WHERE a.pid = j.session_pid AND coalesce(a.backend_start = j.session_began_at, true)
        )
    ) AS is_alive,
    now.number AS now_number,
    now.runner AS now_runner,
    now.by_schedule AS now_by_schedule,
    now.began_at AS now_began_at,
    now.did::text AS now_did,
    last.number AS last_number,
    last.runner AS last_runner,
    last.by_schedule AS last_by_schedule,
    last.began_at AS last_began_at,
    last.ended_at AS last_ended_at,
    last.outcome AS last_outcome,
    last.did::text AS last_did,
    last.failure AS last_failure
FROM "prefix".aftersend_jobs AS j
LEFT JOIN "prefix".aftersend_job_runs AS now ON now.number = j.run_number
LEFT JOIN LATERAL (
    SELECT r.*
    FROM "prefix".aftersend_job_runs AS r
    WHERE r.job = j.job AND r.outcome IS NOT NULL
    ORDER BY r.number DESC
    LIMIT 1
) AS last ON true
