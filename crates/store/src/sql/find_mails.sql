-- $1 SES ids. aws_message_id_uidx, else the primary key of aftersend_ids. No lock: what is missing is made
-- before any row is locked, so that nobody waits for a new row while holding an old one.
SELECT aws_message_id::text AS aws_message_id, uuid, false AS alias
FROM "prefix".phoenix_kit_email_logs
WHERE aws_message_id = ANY($1)
UNION ALL
SELECT aws_message_id, email_log_uuid, true
FROM "prefix".aftersend_ids
WHERE aws_message_id = ANY($1)
  AND email_log_uuid IS NOT NULL
