-- As list_older, forward in time from the place $4, $5; the caller turns the page round.
SELECT uuid, message_id::text, aws_message_id, "to"::text, "from"::text, subject::text, template_name,
       campaign_id::text, status, sent_at
FROM "prefix".phoenix_kit_email_logs
WHERE (sent_at, uuid) > ($4, $5)
  AND ($1::text IS NULL OR "to" ILIKE $1 OR subject ILIKE $1 OR campaign_id ILIKE $1
       OR uuid = ANY(ARRAY(
           SELECT email_log_uuid
           FROM "prefix".aftersend_recipients
           WHERE address = $6::text
           ORDER BY email_log_uuid DESC
           LIMIT $7::bigint
       )))
  AND ($2::text IS NULL OR status = $2)
ORDER BY sent_at, uuid
LIMIT $3
