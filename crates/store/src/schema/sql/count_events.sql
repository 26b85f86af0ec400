-- What V137 makes of the events: how many there are, and how many keys, of either kind. What is more than the keys goes.
-- Reads the table once; grouped, so that the cost grows with the rows and not with the square of the largest group.
SELECT coalesce(sum(events) FILTER (WHERE NOT repeatable), 0)::bigint AS single,
       count(*) FILTER (WHERE NOT repeatable) AS single_keys,
       coalesce(sum(events) FILTER (WHERE repeatable), 0)::bigint AS repeatable,
       count(*) FILTER (WHERE repeatable) AS repeatable_keys,
       coalesce(sum(events * bytes) / nullif(sum(events), 0), 0)::float8 AS type_bytes
FROM (
    SELECT event_type IN ('open', 'click') AS repeatable, count(*) AS events, octet_length(event_type) AS bytes
    FROM "prefix".phoenix_kit_email_events
    GROUP BY
        email_log_uuid,
        event_type COLLATE "C",
        event_type,
        CASE WHEN event_type IN ('open', 'click') THEN occurred_at END
) AS place
