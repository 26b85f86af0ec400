-- $1 the uuid: the primary key.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
SELECT uuid, message_id::text,
       coalesce(
           aws_message_id,
           (SELECT ids.aws_message_id FROM "prefix".aftersend_ids AS ids
            WHERE ids.email_log_uuid = mail.uuid AND ids.state = 'created' LIMIT 1)
       ) AS aws_message_id, "to"::text, "from"::text, subject::text, template_name,
       campaign_id::text, status, sent_at, configuration_set, message_tags::text AS message_tags, body_preview, error_message,
       queued_at, delayed_at, delivered_at, opened_at, clicked_at, bounced_at, failed_at, rejected_at, complained_at,
       aftersend_derived IS TRUE AS derived
FROM "prefix".phoenix_kit_email_logs AS mail
WHERE uuid = $1
