-- $1 mails, $2 the SES ids that their headers give. Each mail is looked at once more: somebody may have given it an
-- id meanwhile, or the id to another.
UPDATE "prefix".phoenix_kit_email_logs AS mail
SET aws_message_id = found.aws_message_id
FROM unnest($1::uuid[], $2::text[]) AS found (uuid, aws_message_id)
WHERE mail.uuid = found.uuid
  AND mail.uuid = ANY($1)
  AND mail.aws_message_id IS NULL
  AND NOT EXISTS (
      SELECT FROM "prefix".phoenix_kit_email_logs AS taken
      WHERE taken.aws_message_id = found.aws_message_id
  )
