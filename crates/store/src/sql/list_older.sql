-- $1 pattern or NULL, $2 status or NULL, $3 rows at most, $4 and $5 the place to begin below, $6 the address that the
-- pattern is the whole of or NULL, $7 how many mails to look up by it: each row that fits nothing else is compared with all.
-- Without a pattern: sent_at_idx or status_sent_at_idx, read backwards. With one: the three trigram
-- indexes and that of recipients with the primary key, or the
-- time index where the pattern is common. Planned anew each time, so that the NULLs fold.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
SELECT uuid, message_id::text, aws_message_id, "to"::text, "from"::text, subject::text, template_name,
       campaign_id::text, status, sent_at
FROM "prefix".phoenix_kit_email_logs
WHERE (sent_at, uuid) < ($4, $5)
  AND ($1::text IS NULL OR "to" ILIKE $1 OR subject ILIKE $1 OR campaign_id ILIKE $1
       OR uuid = ANY(ARRAY(
           SELECT email_log_uuid
           FROM "prefix".aftersend_recipients
           WHERE address = $6::text
           ORDER BY email_log_uuid DESC
           LIMIT $7::bigint
       )))
  AND ($2::text IS NULL OR status = $2)
ORDER BY sent_at DESC, uuid DESC
LIMIT $3
