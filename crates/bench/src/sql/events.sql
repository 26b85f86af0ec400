-- Three events for each of the mails number $1 to $2 of $3: sent; delivered or delayed; opened, clicked or bounced.
-- Three mails in ten have one of them twice, each another one, and the first mail was opened some hundred times in one
-- second: unless $5 is false, which leaves all of those out. Duplicates come a while after what they repeat, as a
-- queue's redeliveries do.
INSERT INTO public.phoenix_kit_email_events (
    uuid, email_log_uuid, event_type, event_data, occurred_at, ip_address, user_agent, link_url, bounce_type,
    delay_type, inserted_at, updated_at
)
SELECT
    pg_temp.uuid_at(stored_at, mail.number || '.' || copy),
    pg_temp.uuid_at(mail.sent_at, mail.number::text),
    event_type,
    jsonb_build_object('timestamp', occurred_at, '_source', 'sqs') || CASE event_type
        WHEN 'send' THEN '{}'
        WHEN 'delivery' THEN jsonb_build_object(
            'smtpResponse', '250 2.0.0 OK ' || left(md5(mail.number::text), 20), 'processingTimeMillis', 1200,
            'reportingMTA', 'a8-' || mail.number % 100 || '.smtp-out.amazonses.com')
        WHEN 'bounce' THEN '{"bounceType": "Permanent", "bounceSubType": "General"}'
        WHEN 'delivery_delay' THEN '{"delayType": "MailboxFull"}'
        ELSE jsonb_build_object('ipAddress', '203.0.113.' || mail.number % 250, 'userAgent', 'Mozilla/5.0 (X11; Linux x86_64)')
    END,
    occurred_at,
    CASE WHEN event_type IN ('open', 'click') THEN '203.0.113.' || mail.number % 250 END,
    CASE WHEN event_type IN ('open', 'click') THEN 'Mozilla/5.0 (X11; Linux x86_64)' END,
    CASE WHEN event_type = 'click' THEN 'https://shop.example/track/' || md5(mail.number::text) END,
    CASE WHEN event_type = 'bounce' THEN 'hard' END,
    CASE WHEN event_type = 'delivery_delay' THEN 'MailboxFull' END,
    stored_at,
    stored_at
FROM (
    SELECT number, pg_temp.sent_at(number, $3) AS sent_at
    FROM generate_series($1::bigint, $2::bigint) AS number
) AS mail
CROSS JOIN LATERAL generate_series(
    0, 2 + CASE WHEN $5 THEN (mail.number % 10 < 3)::int + CASE WHEN mail.number = 1 THEN $4::integer ELSE 0 END ELSE 0 END
) AS copy
CROSS JOIN LATERAL (
    -- The first three are the mail's own; the fourth repeats one of them, and further ones the open.
    SELECT CASE WHEN copy < 3 THEN copy WHEN copy = 3 THEN (mail.number % 10 + 1) % 3 ELSE 2 END AS original
) AS repeated
CROSS JOIN LATERAL (
    SELECT
        CASE original
            WHEN 0 THEN 'send'
            WHEN 1 THEN CASE WHEN mail.number % 10 = 9 THEN 'delivery_delay' ELSE 'delivery' END
            ELSE CASE mail.number % 10 WHEN 9 THEN 'bounce' WHEN 7 THEN 'click' ELSE 'open' END
        END AS event_type,
        mail.sent_at + (ARRAY[interval '1 s', interval '3 s', interval '10 min'])[original + 1] AS occurred_at
) AS event
CROSS JOIN LATERAL (
    SELECT occurred_at + interval '1 s' + CASE WHEN copy < 3 THEN interval '0' ELSE copy * interval '2 min' END AS stored_at
) AS written
