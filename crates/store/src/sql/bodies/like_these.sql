-- $1 the template, if any; $2 and $3 the month; $4 bytes at most of a body; $5 rows at most. By the template's index or by
-- that of mails with bodies, whichever has less to look at.
SELECT uuid, lower("to") AS recipient
FROM "prefix".phoenix_kit_email_logs
WHERE (template_name = $1 OR ($1::text IS NULL AND template_name IS NULL))
  AND body_full IS NOT NULL
  AND sent_at >= $2 AND sent_at < $3
  AND octet_length(body_full) <= $4
LIMIT $5
