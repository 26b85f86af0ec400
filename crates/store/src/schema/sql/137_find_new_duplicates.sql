-- The same among the places of events that are newer than a moment: by their key, their time or their place in the
-- file. Each part is served by an index or by a scan of a range of the file.
WITH fresh AS (
    SELECT email_log_uuid, event_type, occurred_at
    FROM "prefix".phoenix_kit_email_events
    WHERE "condition"
      -- With an end, because random keys lie anywhere.
      AND uuid BETWEEN 'moment_key' AND 'moment_key_end'
    UNION
    SELECT email_log_uuid, event_type, occurred_at
    FROM "prefix".phoenix_kit_email_events
    WHERE "condition"
      AND occurred_at > 'moment_time'
    UNION
    SELECT email_log_uuid, event_type, occurred_at
    FROM "prefix".phoenix_kit_email_events
    WHERE "condition"
      AND ctid >= 'moment_place'::tid
)
SELECT uuid, kept
FROM (
    SELECT event.uuid, first_value(event.uuid) OVER (
        PARTITION BY
            event.email_log_uuid,
            event.event_type COLLATE "C",
            CASE WHEN event.event_type IN ('open', 'click') THEN event.occurred_at END
        ORDER BY event.uuid
    ) AS kept
    FROM (
        SELECT event.uuid, event.email_log_uuid, event.event_type, event.occurred_at
        FROM (
            SELECT DISTINCT email_log_uuid, event_type
            FROM fresh
            WHERE event_type NOT IN ('open', 'click')
        ) AS place
        JOIN "prefix".phoenix_kit_email_events AS event USING (email_log_uuid, event_type)
        UNION ALL
        SELECT event.uuid, event.email_log_uuid, event.event_type, event.occurred_at
        FROM fresh AS place
        JOIN "prefix".phoenix_kit_email_events AS event USING (email_log_uuid, event_type, occurred_at)
        WHERE place.event_type IN ('open', 'click')
    ) AS event
) AS numbered
WHERE uuid <> kept
