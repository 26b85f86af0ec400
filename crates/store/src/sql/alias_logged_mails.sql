-- $1 SES ids that lead to no mail. A row that an application logged under one of them as its own id is that mail. The
-- column stays the application's: what this program wrote there, a later write of the application's might meet.
-- message_id_uidx.
INSERT INTO "prefix".aftersend_ids (aws_message_id, email_log_uuid, state)
SELECT mail.message_id, mail.uuid, 'alias'
FROM "prefix".phoenix_kit_email_logs AS mail
WHERE mail.message_id = ANY($1)
  AND mail.aws_message_id IS NULL
ORDER BY mail.message_id
ON CONFLICT (aws_message_id) DO NOTHING
