-- $1 mails: their tombstones, locked against whoever stores late events of them. In the order of ids.
SELECT aws_message_id
FROM "prefix".aftersend_ids
WHERE email_log_uuid = ANY($1)
ORDER BY aws_message_id
FOR NO KEY UPDATE
