-- The events of mails number $1 to $2 of $3, some three each, as their statuses tell: sent; delivered, bounced or delayed; opened
-- and clicked once or more often.
INSERT INTO public.phoenix_kit_email_events (
    uuid, email_log_uuid, event_type, event_data, occurred_at, ip_address, user_agent, link_url, bounce_type, delay_type,
    inserted_at, updated_at
)
SELECT
    pg_temp.uuid_at(occurred_at, number || '.' || place),
    pg_temp.uuid_at(sent_at, number::text),
    event_type,
    jsonb_build_object('timestamp', occurred_at, '_source', 'sqs'),
    occurred_at,
    CASE WHEN event_type IN ('open', 'click') THEN '203.0.113.' || number % 250 END,
    CASE WHEN event_type IN ('open', 'click') THEN 'Mozilla/5.0 (X11; Linux x86_64)' END,
    CASE WHEN event_type = 'click' THEN 'https://shop.example/offer/' || number % 300 END,
    CASE WHEN event_type = 'bounce' THEN CASE status WHEN 'hard_bounced' THEN 'hard' ELSE 'soft' END END,
    CASE WHEN event_type = 'delivery_delay' THEN 'MailboxFull' END,
    occurred_at + interval '1 s',
    occurred_at + interval '1 s'
FROM (
    SELECT number, pg_temp.sent_over_days(number, $3) AS sent_at, pg_temp.status_of(number) AS status
    FROM generate_series($1::bigint, $2::bigint) AS number
) AS mail
CROSS JOIN LATERAL unnest(CASE status
    WHEN 'sent' THEN ARRAY['send']
    WHEN 'delayed' THEN ARRAY['send', 'delivery_delay', 'delivery_delay']
    WHEN 'hard_bounced' THEN ARRAY['send', 'bounce']
    WHEN 'soft_bounced' THEN ARRAY['send', 'delivery_delay', 'bounce']
    WHEN 'delivered' THEN ARRAY['send', 'delivery']
    WHEN 'opened' THEN ARRAY['send', 'delivery', 'open', 'open', 'open']
    WHEN 'clicked' THEN ARRAY['send', 'delivery', 'open', 'click', 'open', 'click']
    ELSE ARRAY['send', 'delivery', 'open', 'complaint']
END) WITH ORDINALITY AS told (event_type, place)
CROSS JOIN LATERAL (
    SELECT sent_at + (ARRAY[
        interval '1 s', interval '3 s', interval '40 min', interval '41 min', interval '9 hours', interval '9 hours 1 min'
    ])[place] AS occurred_at
) AS moment
