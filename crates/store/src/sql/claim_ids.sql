-- $1 SES ids that lead to no mail, $2 the mails that are about to be made for them. In the order of ids: racing batches
-- claim the same ids in the same order, the later one waits and then gets none of them.
INSERT INTO "prefix".aftersend_ids (aws_message_id, email_log_uuid, state)
SELECT claimed.aws_message_id, claimed.email_log_uuid, 'created'
FROM unnest($1::text[], $2::uuid[]) AS claimed (aws_message_id, email_log_uuid)
ORDER BY claimed.aws_message_id
ON CONFLICT (aws_message_id) DO NOTHING
RETURNING aws_message_id
