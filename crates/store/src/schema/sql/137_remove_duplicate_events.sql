-- The row with the smallest uuid stays. Numbered in one pass over each set, so that the cost grows with the
-- rows and not with the square of the largest group.
DELETE FROM "prefix".phoenix_kit_email_events
WHERE uuid IN (
    SELECT uuid
    FROM (
        SELECT uuid, row_number() OVER (PARTITION BY email_log_uuid, event_type ORDER BY uuid) AS place
        FROM "prefix".phoenix_kit_email_events
        WHERE event_type NOT IN ('open', 'click')
    ) AS single
    WHERE place > 1
    UNION ALL
    SELECT uuid
    FROM (
        SELECT uuid, row_number() OVER (PARTITION BY email_log_uuid, event_type, occurred_at ORDER BY uuid) AS place
        FROM "prefix".phoenix_kit_email_events
        WHERE event_type IN ('open', 'click')
    ) AS repeatable
    WHERE place > 1
)
