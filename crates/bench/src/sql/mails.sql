-- Mails number $1 to $2 of $3. One in ten has its SES id in the headers only, under each of the three names in turn.
INSERT INTO public.phoenix_kit_email_logs (
    uuid, message_id, "to", "from", subject, headers, body_preview, body_full, template_name, campaign_id, size_bytes,
    status, sent_at, delivered_at, opened_at, clicked_at, bounced_at, configuration_set, message_tags, provider,
    aws_message_id, user_uuid, locale, inserted_at, updated_at
)
SELECT
    pg_temp.uuid_at(sent_at, mail.number::text),
    'pk_' || digest,
    person || '@' || host,
    'Example Shop <orders@shop.example>',
    (ARRAY[
        'Your order ' || (100000 + mail.number) || ' has shipped',
        'Receipt for order ' || (100000 + mail.number),
        'Please confirm your address, ' || person,
        'Welcome to Example Shop, ' || person,
        'Reset your password',
        'What is new this week: ' || left(digest, 8) || ' and more',
        'Your basket is waiting',
        'Invoice ' || upper(left(digest, 10))
    ])[1 + mail.number % 8],
    jsonb_build_object(
        'From', 'Example Shop <orders@shop.example>',
        'To', person || '@' || host,
        'Date', to_char(sent_at AT TIME ZONE 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS') || ' +0000',
        'Message-ID', '<' || digest || '@shop.example>',
        'MIME-Version', '1.0',
        'Content-Type', 'multipart/alternative; boundary="b1_' || left(digest, 16) || '"',
        'List-Unsubscribe', '<https://shop.example/unsubscribe/' || left(digest, 20) || '>'
    ) || CASE WHEN is_unfilled THEN jsonb_build_object(
        (ARRAY['aws_message_id', 'X-AWS-Message-Id', 'MessageId'])[1 + mail.number / 10 % 3], ses_id
    ) ELSE '{}' END,
    left(body, 120),
    -- The archiver has taken the bodies of the older ones.
    CASE WHEN mail.number * 10 > $3::bigint * 3 THEN body END,
    'template_' || mail.number % 30,
    CASE WHEN mail.number % 4 > 0 THEN 'campaign-2025-' || lpad((mail.number * 52 / $3)::text, 2, '0') || '-' || mail.number % 7 END,
    4000 + (mail.number % 5000)::int,
    CASE WHEN bounced THEN 'hard_bounced' WHEN clicked THEN 'clicked' ELSE 'opened' END,
    sent_at,
    CASE WHEN NOT bounced THEN sent_at + interval '3 s' END,
    CASE WHEN NOT bounced AND NOT clicked THEN sent_at + interval '10 min' END,
    CASE WHEN clicked THEN sent_at + interval '10 min' END,
    CASE WHEN bounced THEN sent_at + interval '10 min' END,
    'production',
    jsonb_build_object('template', 'template_' || mail.number % 30, 'stage', 'production'),
    'aws_ses',
    CASE WHEN NOT is_unfilled THEN ses_id END,
    CASE WHEN mail.number % 2 = 0 THEN md5(person)::uuid END,
    (ARRAY['en', 'de', 'es', 'et'])[1 + mail.number % 4],
    sent_at,
    sent_at + interval '10 min'
FROM (
    SELECT
        number,
        md5('mail' || number) AS digest,
        (ARRAY['anna', 'ben', 'chloe', 'david', 'emma', 'felix', 'grete', 'hugo'])[1 + number % 8]
            || '.' || left(md5('person' || number % 200000), 7) AS person,
        'mail' || number % 50 || '.example' AS host,
        pg_temp.sent_at(number, $3) AS sent_at,
        '0100018f' || left(md5('ses' || number), 8) || '-' || md5('id' || number) || '-000000' AS ses_id,
        number % 10 = 5 AS is_unfilled,
        number % 10 = 9 AS bounced,
        number % 10 = 7 AS clicked
    FROM generate_series($1::bigint, $2::bigint) AS number
) AS mail
CROSS JOIN LATERAL (
    SELECT 'Hello ' || person || ', thank you for your order. We have packed it with care and handed it to the '
        || 'carrier; it will be with you within three working days. Follow it at https://shop.example/track/' || digest
        || ' or answer this mail if anything is wrong. Your discount for the next time: ' || upper(left(digest, 8))
        || '. Kind regards, the people of Example Shop, 1 Example Street, 12345 Example Town' AS body
) AS written
