-- $1 mails that are about to go: each SES id that leads to one stays, and says where it went. The column decides, as long
-- as there is one, so it does here, too. In the order of ids.
INSERT INTO "prefix".aftersend_ids AS ids (aws_message_id, email_log_uuid, state)
SELECT id.aws_message_id, id.uuid, 'archived'
FROM (
    SELECT mail.aws_message_id::text AS aws_message_id, mail.uuid, 1 AS rank
    FROM "prefix".phoenix_kit_email_logs AS mail
    WHERE mail.uuid = ANY($1)
      AND mail.aws_message_id IS NOT NULL
    UNION ALL
    SELECT held.aws_message_id, held.email_log_uuid, 2
    FROM "prefix".aftersend_ids AS held
    WHERE held.email_log_uuid = ANY($1)
      AND NOT EXISTS (
          SELECT FROM "prefix".phoenix_kit_email_logs AS mail WHERE mail.aws_message_id = held.aws_message_id
      )
) AS id
ORDER BY id.aws_message_id
ON CONFLICT (aws_message_id) DO UPDATE
SET email_log_uuid = excluded.email_log_uuid, state = excluded.state
