-- $1 the uuid: the primary key.
SELECT uuid, message_id, aws_message_id, "to", "from", subject, template_name, campaign_id, status, sent_at,
       configuration_set, message_tags::text AS message_tags, body_preview, error_message,
       queued_at, delayed_at, delivered_at, opened_at, clicked_at, bounced_at, failed_at, rejected_at, complained_at,
       aftersend_derived IS TRUE AS derived
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = $1
