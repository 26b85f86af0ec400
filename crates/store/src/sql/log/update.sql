-- Mails as their application logs them, merged under their locks; only those that change come here, each once.
UPDATE "prefix".phoenix_kit_email_logs AS mail
SET message_id = merged.message_id,
    aws_message_id = merged.aws_message_id,
    "to" = merged."to",
    "from" = merged."from",
    subject = merged.subject,
    template_name = merged.template_name,
    campaign_id = merged.campaign_id,
    configuration_set = merged.configuration_set,
    message_tags = coalesce(merged.message_tags::jsonb, mail.message_tags),
    headers = coalesce(merged.headers::jsonb, mail.headers),
    status = merged.status,
    sent_at = merged.sent_at,
    queued_at = merged.queued_at,
    attachments_count = merged.attachments_count,
    size_bytes = merged.size_bytes,
    locale = merged.locale,
    user_uuid = merged.user_uuid,
    aftersend_logged = string_to_array(merged.logged, ','),
    aftersend_derived = NULL,
    body_full = CASE WHEN merged.has_body THEN merged.body_full ELSE mail.body_full END,
    body_preview = CASE WHEN merged.has_body THEN merged.body_preview ELSE mail.body_preview END,
    updated_at = now()
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[], $15::int[], $16::int[],
    $17::text[], $18::uuid[], $19::text[], $20::text[], $21::text[], $22::boolean[]
) AS merged (
    uuid, message_id, aws_message_id, "to", "from", subject, template_name, campaign_id, configuration_set,
    message_tags, headers, status, sent_at, queued_at, attachments_count, size_bytes, locale, user_uuid, logged,
    body_full, body_preview, has_body
)
WHERE mail.uuid = merged.uuid
