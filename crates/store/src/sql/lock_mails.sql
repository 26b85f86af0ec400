-- $1 SES ids, $2 uuids of mails that have theirs in aftersend_ids. In the order of uuids: racing batches wait
-- for each other mail by mail, never in a ring. NO KEY: inserting an event, here or in an application, takes a
-- key share lock on its mail and need not wait.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
SELECT uuid, aws_message_id, aftersend_derived IS TRUE AS derived, "to"::text, "from"::text, subject::text,
       template_name, campaign_id::text, configuration_set, message_tags::text AS message_tags, status, sent_at,
       delayed_at, delivered_at, opened_at, clicked_at, bounced_at, failed_at, rejected_at, complained_at,
       aftersend_logged AS logged, sent_at = coalesce(queued_at, inserted_at) AS is_unsent
FROM "prefix".phoenix_kit_email_logs
WHERE aws_message_id = ANY($1)
   OR uuid = ANY($2)
ORDER BY uuid
FOR NO KEY UPDATE
