-- Mails and events of V136, the same each time. The number of mails stands here as 10000.
INSERT INTO "prefix".phoenix_kit_email_logs
    (uuid, message_id, "to", "from", subject, headers, aws_message_id, body_full, template_name, opened_at,
     sent_at, inserted_at, updated_at)
SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'pk_' || n, 'ann' || n || '@example.com',
       'shop@example.com', 'Your order ' || n,
       CASE n % 6
           WHEN 0 THEN jsonb_build_object('aws_message_id', 'ses-' || n)
           WHEN 1 THEN jsonb_build_object('X-AWS-Message-Id', 'ses-' || n - n % 30)
           WHEN 2 THEN jsonb_build_object('MessageId', 'ses-' || n, 'aws_message_id', '')
           ELSE '{}'
       END,
       CASE WHEN n % 6 IN (3, 4) THEN 'ses-' || n WHEN n % 60 = 1 THEN 'ses-' || n - 1 END,
       CASE WHEN n % 2 = 0 THEN 'Dear Ann' END, 'order', CASE WHEN n % 3 = 0 THEN now_at END, now_at, now_at, now_at
FROM generate_series(1, 10000) AS n,
     LATERAL (SELECT timestamptz '2026-01-01T00:00:00Z' + n * interval '1 minute' AS now_at) AS at;

INSERT INTO "prefix".phoenix_kit_email_events
    (uuid, email_log_uuid, event_type, event_data, occurred_at, ip_address, inserted_at, updated_at)
SELECT md5(n || ' ' || kind || ' ' || copy)::uuid, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
       event_type, jsonb_build_object('_source', 'ses', 'copy', copy),
       timestamptz '2026-01-01T00:00:00Z' + n * interval '1 minute'
           + CASE WHEN event_type IN ('open', 'click') THEN kind ELSE copy END * interval '1 second',
       '192.0.2.' || copy, timestamptz '2026-01-01T00:00:00Z', timestamptz '2026-01-01T00:00:00Z'
FROM generate_series(1, 10000) AS n,
     (VALUES (0, 'send'), (1, 'delivery'), (2, 'open'), (3, 'open'), (4, 'click')) AS event (kind, event_type),
     LATERAL generate_series(0, CASE WHEN n % 100 = 0 THEN 30 WHEN (n + kind) % 4 = 0 THEN 1 ELSE 0 END) AS copy;
