-- Other mails of a mail's template, newest first: $1 the mail, $2 and $3 from when to when, $4 rows at most, $5 the template.
-- sent_at_idx where the template is common, template_name_idx where it is rare: planned anew each time, for the very value.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
SELECT uuid, message_id::text, aws_message_id, "to"::text, "from"::text, subject::text, template_name,
       campaign_id::text, status, sent_at
FROM "prefix".phoenix_kit_email_logs
WHERE template_name = $5::text
  AND uuid <> $1
  AND sent_at BETWEEN $2 AND $3
ORDER BY sent_at DESC, uuid DESC
LIMIT $4
