-- $1, $2 a range of mails: those that were made from events before step a1 went down and came up again. Nobody else
-- names a mail by its SES id and keeps neither headers nor body.
SELECT uuid
FROM "prefix".phoenix_kit_email_logs
WHERE provider = 'aws_ses'
  AND (message_id = aws_message_id OR message_id = 'aftersend:' || uuid)
  AND aftersend_derived IS NULL
  AND headers = '{}'
  AND body_full IS NULL
  AND body_preview IS NULL
  AND user_uuid IS NULL
  AND ($1::uuid IS NULL OR uuid > $1)
  AND ($2::uuid IS NULL OR uuid <= $2)
