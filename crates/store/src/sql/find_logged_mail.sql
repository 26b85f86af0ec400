-- $1 an SES id, $2 the mail that was made for it: the mail that an application logged under it.
SELECT uuid
FROM (
    SELECT uuid, 1 AS rank FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id = $1
    UNION ALL
    SELECT uuid, 2 FROM "prefix".phoenix_kit_email_logs WHERE message_id = $1 AND aws_message_id IS NULL
) AS logged
WHERE uuid <> $2
ORDER BY rank
LIMIT 1
