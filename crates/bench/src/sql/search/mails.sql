-- Mails number $1 to $2 of $3. One in ten speaks of an order, half of these of a spring series as well; some twenty name a
-- zebra; none has the word "ordering", whose trigrams (ord, rde, der, eri, rin, ing) the spring series has all of.
INSERT INTO public.phoenix_kit_email_logs (
    uuid, message_id, "to", "from", subject, headers, body_preview, template_name, campaign_id, size_bytes, status, sent_at,
    delivered_at, opened_at, clicked_at, bounced_at, complained_at, configuration_set, message_tags, provider,
    aws_message_id, locale, inserted_at, updated_at
)
SELECT
    pg_temp.uuid_at(sent_at, number::text),
    'pk_' || digest,
    person || '@' || host,
    'Example Shop <shop@shop.example>',
    CASE
        WHEN number % greatest($3::bigint / 20, 1) = 7 THEN 'A zebra for ' || person
        WHEN subject_kind < 5 THEN 'Your order ' || (1000000 + number) || ' has left our house'
        WHEN subject_kind < 10 THEN 'Your order ' || (1000000 + number) || ' from the spring series'
        ELSE (ARRAY[
            'Receipt ' || (1000000 + number),
            'Please confirm your address, ' || person,
            'Welcome to Example Shop, ' || person,
            'Reset your password',
            'What is new this week: ' || left(digest, 8) || ' and more',
            'Your basket is waiting',
            'Invoice ' || upper(left(digest, 10)),
            'Parcel ' || (1000000 + number) || ' is on its way to ' || initcap(left(person, 4))
        ])[1 + subject_kind % 8]
    END,
    jsonb_build_object('MIME-Version', '1.0', 'Message-ID', '<' || digest || '@shop.example>'),
    'Hello ' || person || ', thank you for being with us.',
    template,
    CASE WHEN number % 2 = 0 THEN to_char(sent_at, '"news-"YYYY-MM-') || number / 2 % 7 END,
    4000 + (number % 5000)::int,
    status,
    sent_at,
    CASE WHEN status IN ('delivered', 'opened', 'clicked', 'complaint') THEN sent_at + interval '3 s' END,
    CASE WHEN status = 'opened' THEN sent_at + interval '40 min' END,
    CASE WHEN status = 'clicked' THEN sent_at + interval '40 min' END,
    CASE WHEN status IN ('hard_bounced', 'soft_bounced') THEN sent_at + interval '5 s' END,
    CASE WHEN status = 'complaint' THEN sent_at + interval '40 min' END,
    'production',
    jsonb_build_object('template', template, 'stage', 'production'),
    'aws_ses',
    '0100018f' || left(md5('ses' || number), 8) || '-' || md5('id' || number) || '-000000',
    (ARRAY['en', 'de', 'es', 'et'])[1 + number % 4],
    sent_at,
    sent_at + interval '40 min'
FROM (
    SELECT
        number,
        md5('mail' || number) AS digest,
        pg_temp.sent_over_days(number, $3) AS sent_at,
        pg_temp.status_of(number) AS status,
        pg_temp.mixed(number, 'subject') % 100 AS subject_kind,
        (ARRAY['anna', 'ben', 'chloe', 'david', 'emma', 'felix', 'grete', 'hugo'])[1 + person_number % 8]
            || '.' || left(md5('person' || person_number), 7) AS person,
        -- Most people are with few providers.
        CASE WHEN person_number % 10 < 7 THEN 'mail' || person_number % 7 ELSE 'firm' || person_number % 5000 END
            || '.example' AS host,
        'template_' || floor(40 * (pg_temp.mixed(number, 'template') / 1073741824.0) ^ 2)::int AS template
    FROM generate_series($1::bigint, $2::bigint) AS number
    CROSS JOIN LATERAL (SELECT pg_temp.mixed(number, 'person') % greatest($3::bigint / 10, 10) AS person_number) AS whom
) AS mail
