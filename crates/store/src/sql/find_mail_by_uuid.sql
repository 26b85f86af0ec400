-- $1 the uuid: the primary key.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
SELECT uuid, message_id::text, aws_message_id, "to"::text, "from"::text, subject::text, template_name,
       campaign_id::text, status, sent_at, configuration_set, message_tags::text AS message_tags, body_preview, error_message,
       queued_at, delayed_at, delivered_at, opened_at, clicked_at, bounced_at, failed_at, rejected_at, complained_at,
       aftersend_derived IS TRUE AS derived
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = $1
