-- A mail that is about to be sent: its SES id is not known yet.
INSERT INTO public.phoenix_kit_email_logs (
    uuid, message_id, "to", "from", subject, headers, body_preview, body_full, template_name, campaign_id, size_bytes,
    status, sent_at, provider, locale, inserted_at, updated_at
)
VALUES (
    $1, 'pk_' || $1::uuid, 'person.' || right($1::uuid::text, 7) || '@mail.example', 'Example Shop <orders@shop.example>',
    'Your order ' || right($1::uuid::text, 8) || ' has shipped',
    jsonb_build_object('From', 'Example Shop <orders@shop.example>', 'Message-ID', '<' || $1::uuid || '@shop.example>', 'MIME-Version', '1.0'),
    'Hello, thank you for your order.', repeat('Hello, thank you for your order. ', 12), 'template_1', 'campaign-live', 4000,
    'queued', $2, 'aws_ses', 'en', $2, $2
)
