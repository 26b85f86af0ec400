-- For each id one mail, the one with the smallest uuid, and none where some mail has that id already. An id
-- that the column can't hold is left where it is.
WITH candidate AS (
    SELECT DISTINCT ON (aws_message_id) uuid, aws_message_id
    FROM (
        SELECT uuid, coalesce(
            nullif(headers ->> 'aws_message_id', ''),
            nullif(headers ->> 'X-AWS-Message-Id', ''),
            nullif(headers ->> 'MessageId', '')
        ) AS aws_message_id
        FROM "prefix".phoenix_kit_email_logs
        WHERE aws_message_id IS NULL
    ) AS mail
    WHERE char_length(aws_message_id) <= 255
    ORDER BY aws_message_id, uuid
)
UPDATE "prefix".phoenix_kit_email_logs AS mail
SET aws_message_id = candidate.aws_message_id
FROM candidate
WHERE mail.uuid = candidate.uuid
  AND NOT EXISTS (
      SELECT FROM "prefix".phoenix_kit_email_logs AS taken
      WHERE taken.aws_message_id = candidate.aws_message_id
  )
