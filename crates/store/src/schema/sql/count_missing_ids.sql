-- How many mails V137 would still give an SES id: for each id in headers one mail, none where some mail has that id.
WITH candidate AS MATERIALIZED (
    SELECT aws_message_id, min(uuid::text) AS uuid
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
    GROUP BY aws_message_id
), missing AS MATERIALIZED (
    SELECT candidate.uuid
    FROM candidate
    WHERE NOT EXISTS (
        SELECT FROM "prefix".phoenix_kit_email_logs AS taken
        WHERE taken.aws_message_id = candidate.aws_message_id
    )
)
SELECT count(*), min(uuid) FROM missing
