-- $1 SES ids in the columns of an application's mails, $2 those mails, locked: when the application sends one again and
-- overwrites the id, events of this one still find their mail. In the order of ids.
INSERT INTO "prefix".aftersend_ids AS ids (aws_message_id, email_log_uuid, state)
SELECT held.aws_message_id, held.email_log_uuid, 'alias'
FROM unnest($1::text[], $2::uuid[]) AS held (aws_message_id, email_log_uuid)
ORDER BY held.aws_message_id
ON CONFLICT (aws_message_id) DO UPDATE
SET email_log_uuid = excluded.email_log_uuid
WHERE ids.state = 'alias'
  AND ids.email_log_uuid IS DISTINCT FROM excluded.email_log_uuid
