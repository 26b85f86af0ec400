-- $1 SES ids that no row holds. A row that was logged under one of them as its own id is that mail.
-- message_id_uidx; locked in the order of uuids, like everything that locks mails.
UPDATE "prefix".phoenix_kit_email_logs AS mail
SET aws_message_id = mail.message_id, updated_at = now()
FROM (
    SELECT uuid
    FROM "prefix".phoenix_kit_email_logs
    WHERE message_id = ANY($1)
      AND aws_message_id IS NULL
    ORDER BY uuid
    FOR NO KEY UPDATE
) AS logged
WHERE mail.uuid = logged.uuid
