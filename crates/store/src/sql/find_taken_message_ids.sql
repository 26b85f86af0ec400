-- $1 SES ids: which of them are the own ids of mails that SES knows by another one. message_id_uidx.
SELECT message_id::text
FROM "prefix".phoenix_kit_email_logs
WHERE message_id = ANY($1)
  AND aws_message_id <> message_id
