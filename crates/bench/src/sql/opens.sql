-- $1 opens of the one mail there is, all alike but for their uuids.
INSERT INTO public.phoenix_kit_email_events (
    uuid, email_log_uuid, event_type, event_data, occurred_at, ip_address, user_agent, inserted_at, updated_at
)
SELECT
    pg_temp.uuid_at(occurred_at + copy * interval '1 ms', copy::text),
    uuid,
    'open',
    '{"_source": "sqs", "ipAddress": "203.0.113.7"}',
    occurred_at,
    '203.0.113.7',
    'Mozilla/5.0 (X11; Linux x86_64)',
    occurred_at,
    occurred_at
FROM public.phoenix_kit_email_logs
CROSS JOIN LATERAL (SELECT sent_at + interval '10 min' AS occurred_at) AS event
CROSS JOIN generate_series(1, $1::bigint) AS copy
