-- How many events there are beyond the first of each key, and the mail that has most of them. Reads the events once,
-- however large a group is.
WITH doubled AS MATERIALIZED (
    SELECT email_log_uuid, count(*) - 1 AS surplus
    FROM "prefix".phoenix_kit_email_events
    WHERE "rows"
    GROUP BY "keys"
    HAVING count(*) > 1
)
SELECT coalesce(sum(surplus), 0)::bigint,
       (SELECT email_log_uuid::text FROM doubled ORDER BY surplus DESC, email_log_uuid LIMIT 1)
FROM doubled
