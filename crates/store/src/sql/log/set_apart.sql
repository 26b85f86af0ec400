-- $1 mails that were made from events and hold the SES id in their column, locked; $2 these ids. The mail that an
-- application logs under the id is another row: the made one keeps it beside, as where an application's tables are
-- adopted, until its events have moved.
WITH apart AS (
    UPDATE "prefix".phoenix_kit_email_logs AS mail
    SET aws_message_id = NULL, message_id = 'aftersend:' || mail.uuid, updated_at = now()
    WHERE mail.uuid = ANY($1)
    RETURNING mail.uuid
)
INSERT INTO "prefix".aftersend_ids AS ids (aws_message_id, email_log_uuid, state)
SELECT held.aws_message_id, held.uuid, 'created'
FROM unnest($1::uuid[], $2::text[]) AS held (uuid, aws_message_id)
JOIN apart ON apart.uuid = held.uuid
ORDER BY held.aws_message_id
ON CONFLICT (aws_message_id) DO UPDATE
SET email_log_uuid = excluded.email_log_uuid, state = 'created'
