-- Mails that were made from events before step a1 went down and came up again: nobody else names a mail by its SES
-- id and keeps neither headers nor body. In a transaction of its own, after the step's: it reads the whole table.
UPDATE "prefix".phoenix_kit_email_logs
SET aftersend_derived = true
WHERE provider = 'aws_ses'
  AND (message_id = aws_message_id OR message_id = 'aftersend:' || uuid)
  AND aftersend_derived IS NULL
  AND headers = '{}'
  AND body_full IS NULL
  AND body_preview IS NULL
  AND user_uuid IS NULL
