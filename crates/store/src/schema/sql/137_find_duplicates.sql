-- The duplicates in a range of mails, each with the row that stays: the one with the smallest uuid. One sort of the
-- range, bytewise, since only equality matters.
SELECT uuid, kept
FROM (
    SELECT uuid, first_value(uuid) OVER (
        PARTITION BY
            email_log_uuid,
            event_type COLLATE "C",
            CASE WHEN event_type IN ('open', 'click') THEN occurred_at END
        ORDER BY uuid
    ) AS kept
    FROM "prefix".phoenix_kit_email_events
    WHERE "condition"
) AS numbered
WHERE uuid <> kept
