-- $1 the last key that was looked at, $2 how many rows: moves the next events that lead to no mail. No row is kept
-- in their place, so each names itself. Answers with the last key of these, and how many were moved.
WITH page AS (
    SELECT event.uuid
    FROM "prefix".phoenix_kit_email_events AS event
    WHERE event.uuid > $1
      AND NOT EXISTS (SELECT FROM "prefix".phoenix_kit_email_logs AS mail WHERE mail.uuid = event.email_log_uuid)
    ORDER BY event.uuid
    LIMIT $2
), gone AS (
    DELETE FROM "prefix".phoenix_kit_email_events AS event
    USING page
    WHERE event.uuid = page.uuid
      -- Looked at again in the row itself: it may lead to another mail by now.
      AND NOT EXISTS (SELECT FROM "prefix".phoenix_kit_email_logs AS mail WHERE mail.uuid = event.email_log_uuid)
    RETURNING event.*
), moved AS (
    INSERT INTO "prefix".aftersend_removed_events (uuid, email_log_uuid, kept_uuid, step, "row")
    SELECT gone.uuid, gone.email_log_uuid, gone.uuid, '136', to_jsonb(gone)
    FROM gone
)
SELECT (SELECT uuid FROM page ORDER BY uuid DESC LIMIT 1), (SELECT count(*) FROM gone)
