-- Mails as merged under their locks; only those that change come here, each once. A column that is written
-- with the value it has costs no index.
UPDATE "prefix".phoenix_kit_email_logs AS mail
SET "to" = merged."to",
    "from" = merged."from",
    subject = merged.subject,
    template_name = merged.template_name,
    campaign_id = merged.campaign_id,
    configuration_set = merged.configuration_set,
    message_tags = CASE
        WHEN mail.aftersend_derived OR 'message_tags' <> ALL (mail.aftersend_logged) THEN merged.message_tags::jsonb
        ELSE mail.message_tags
    END,
    status = merged.status,
    sent_at = merged.sent_at,
    delayed_at = merged.delayed_at,
    delivered_at = merged.delivered_at,
    opened_at = merged.opened_at,
    clicked_at = merged.clicked_at,
    bounced_at = merged.bounced_at,
    failed_at = merged.failed_at,
    rejected_at = merged.rejected_at,
    complained_at = merged.complained_at,
    updated_at = now()
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[],
    $15::timestamptz[], $16::timestamptz[], $17::timestamptz[], $18::timestamptz[]
) AS merged (
    uuid, "to", "from", subject, template_name, campaign_id, configuration_set, message_tags, status, sent_at,
    delayed_at, delivered_at, opened_at, clicked_at, bounced_at, failed_at, rejected_at, complained_at
)
WHERE mail.uuid = merged.uuid
