-- The mails as an application logged them when it sent them, with the ids that SES gave them.
INSERT INTO public.phoenix_kit_email_logs (
    uuid, message_id, "to", "from", subject, headers, body_preview, body_full, template_name, campaign_id, size_bytes,
    status, sent_at, configuration_set, message_tags, provider, aws_message_id, locale, inserted_at, updated_at
)
SELECT
    pg_temp.uuid_at(sent_at, 'new' || mail),
    'pk_' || md5('new' || mail),
    address,
    'Example Shop <orders@shop.example>',
    event -> 'commonHeaders' ->> 'subject',
    jsonb_build_object('From', 'Example Shop <orders@shop.example>', 'To', address, 'MIME-Version', '1.0'),
    left(body, 120),
    body,
    event -> 'tags' -> 'template' ->> 0,
    event -> 'tags' -> 'campaign' ->> 0,
    4000 + mail % 5000,
    'sent',
    sent_at,
    'production',
    jsonb_build_object('template', event -> 'tags' -> 'template' ->> 0, 'stage', 'production'),
    'aws_ses',
    aws_message_id,
    (ARRAY['en', 'de', 'es', 'et'])[1 + mail % 4],
    sent_at,
    sent_at
FROM bench.staging
CROSS JOIN LATERAL (SELECT event_data::jsonb -> 'mail' AS event, date_trunc('second', occurred_at) AS sent_at) AS told
CROSS JOIN LATERAL (
    SELECT 'Hello, thank you for your order. We have packed it with care and handed it to the carrier; it will be with '
        || 'you within three working days. Follow it at https://shop.example/track/' || md5(mail::text)
        || ' or answer this mail if anything is wrong. Kind regards, the people of Example Shop' AS body
) AS written
WHERE event_type = 'send'
ORDER BY mail
