-- $1 and $2 the first and the last uuid that begin alike, $3 rows at most. The primary key.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
SELECT uuid, message_id::text, aws_message_id, "to"::text, "from"::text, subject::text, template_name,
       campaign_id::text, status, sent_at
FROM "prefix".phoenix_kit_email_logs
WHERE uuid BETWEEN $1 AND $2
ORDER BY uuid
LIMIT $3
