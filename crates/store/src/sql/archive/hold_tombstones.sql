-- $1 SES ids of mails that are in the archive, $2 these mails: those that still are, kept so until this is over. In the order
-- of ids.
SELECT ids.aws_message_id
FROM unnest($1::text[], $2::uuid[]) AS asked (aws_message_id, email_log_uuid)
JOIN "prefix".aftersend_ids AS ids
    ON ids.aws_message_id = asked.aws_message_id
    AND ids.email_log_uuid = asked.email_log_uuid
WHERE ids.state = 'archived'
ORDER BY ids.aws_message_id
FOR SHARE OF ids
