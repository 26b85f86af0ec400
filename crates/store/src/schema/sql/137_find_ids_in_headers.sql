-- $1, $2 a range of mails: those without an SES id whose headers give one that nobody has. An id that the column
-- can't hold is left where it is.
SELECT mail.uuid, mail.aws_message_id
FROM (
    SELECT uuid, coalesce(
        nullif(headers ->> 'aws_message_id', ''),
        nullif(headers ->> 'X-AWS-Message-Id', ''),
        nullif(headers ->> 'MessageId', '')
    ) AS aws_message_id
    FROM "prefix".phoenix_kit_email_logs
    WHERE aws_message_id IS NULL
      AND ($1::uuid IS NULL OR uuid > $1)
      AND ($2::uuid IS NULL OR uuid <= $2)
) AS mail
WHERE char_length(mail.aws_message_id) <= 255
  AND NOT EXISTS (
      SELECT FROM "prefix".phoenix_kit_email_logs AS taken
      WHERE taken.aws_message_id = mail.aws_message_id
  )
ORDER BY mail.uuid
