-- $1 a mail, locked against everybody.
SELECT message_id::text, aws_message_id::text, "to"::text, "from"::text, subject::text, headers::text AS headers,
       message_tags::text AS message_tags, body_full, body_preview, template_name::text, campaign_id::text,
       configuration_set::text, error_message, body_compressed, sent_at,
       EXISTS (
           SELECT FROM "prefix".aftersend_ids AS ids WHERE ids.email_log_uuid = $1 AND ids.state = 'erased'
       ) AS is_erased,
       aws_message_id IS NOT NULL OR delivered_at IS NOT NULL OR bounced_at IS NOT NULL OR complained_at IS NOT NULL
       OR opened_at IS NOT NULL OR clicked_at IS NOT NULL OR delayed_at IS NOT NULL OR rejected_at IS NOT NULL
       OR failed_at IS NOT NULL AS is_counted
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = $1
FOR UPDATE
