-- The one of the writer's sessions ($1) that has waited longest for a lock, now. `waitstart` is null for a moment
-- after a wait began. https://www.postgresql.org/docs/current/view-pg-locks.html
SELECT
    (extract(epoch FROM clock_timestamp() - waitstart) * 1000)::float8 AS waited_ms,
    locktype,
    mode,
    coalesce(relation::regclass::text, '') AS relation
FROM pg_locks
WHERE NOT granted AND waitstart IS NOT NULL AND pid = ANY ($1)
ORDER BY waitstart
LIMIT 1
