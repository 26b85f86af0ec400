-- $1 SES ids, $2 the mails whose they are, locked: ids that stand in no column any more, and those of mails that were made
-- from events and are their application's now. In the order of ids.
INSERT INTO "prefix".aftersend_ids AS ids (aws_message_id, email_log_uuid, state)
SELECT held.aws_message_id, held.email_log_uuid, 'alias'
FROM unnest($1::text[], $2::uuid[]) AS held (aws_message_id, email_log_uuid)
ORDER BY held.aws_message_id
ON CONFLICT (aws_message_id) DO UPDATE
SET email_log_uuid = excluded.email_log_uuid, state = 'alias'
WHERE (ids.state = 'alias' AND ids.email_log_uuid IS DISTINCT FROM excluded.email_log_uuid)
   OR (ids.state = 'created' AND ids.email_log_uuid = excluded.email_log_uuid)
