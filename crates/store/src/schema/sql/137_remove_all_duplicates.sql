-- The row with the smallest uuid stays. Numbered in one pass, so that the cost grows with the rows and not with the
-- square of the largest group. What goes is kept whole.
WITH duplicate AS (
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
    ) AS numbered
    WHERE uuid <> kept
), removed AS (
    DELETE FROM "prefix".phoenix_kit_email_events AS event
    USING duplicate
    WHERE event.uuid = duplicate.uuid
    RETURNING event.uuid, event.email_log_uuid, duplicate.kept AS kept_uuid, to_jsonb(event) AS "row"
)
INSERT INTO "prefix".aftersend_removed_events (uuid, email_log_uuid, kept_uuid, step, "row")
SELECT uuid, email_log_uuid, kept_uuid, '137', "row"
FROM removed
ON CONFLICT (uuid) DO UPDATE
SET email_log_uuid = excluded.email_log_uuid,
    kept_uuid = excluded.kept_uuid,
    removed_at = excluded.removed_at,
    "row" = excluded."row"
