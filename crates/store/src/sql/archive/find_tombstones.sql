-- $1 SES ids, $2 mails from the archive: what stands beside the column of these ids, and of these mails, locked. In the
-- order of ids.
SELECT aws_message_id, email_log_uuid, state
FROM "prefix".aftersend_ids
WHERE aws_message_id = ANY($1)
   OR email_log_uuid = ANY($2)
ORDER BY aws_message_id
FOR UPDATE
