-- What waits for the mail with this SES id: every record of every occurrence. Rows are locked in the order of their keys,
-- as everybody does who takes several.
WITH dropped AS (
    SELECT uuid
    FROM "prefix".phoenix_kit_email_orphaned_events
    WHERE aws_message_id = $1
      AND aftersend_fingerprint IS NOT NULL
    ORDER BY uuid
    FOR UPDATE
)
DELETE FROM "prefix".phoenix_kit_email_orphaned_events AS event
USING dropped
WHERE event.uuid = dropped.uuid
