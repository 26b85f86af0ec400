-- Rows of an application at V136 without duplicates: mails, a few events each, and one mail with more than a batch.
INSERT INTO "prefix".phoenix_kit_email_logs
    (uuid, message_id, aws_message_id, "to", "from", subject, user_uuid, sent_at, inserted_at, updated_at)
SELECT ('01990000-0000-7000-8000-' || lpad(number::text, 12, '0'))::uuid, 'pk_' || number,
       CASE WHEN number % 3 = 0 THEN 'ses-' || number END, 'ann@example.com', 'shop@example.com', 'Your order',
       CASE WHEN number % 2 = 0 THEN gen_random_uuid() END,
       timestamptz '2026-09-01 10:00:00Z' + number * interval '1 minute', '2026-09-02 10:00:00Z', '2026-09-03 10:00:00Z'
FROM generate_series(1, 60) AS number;

INSERT INTO "prefix".phoenix_kit_email_events (uuid, email_log_uuid, event_type, occurred_at, inserted_at, updated_at)
SELECT ('01990000-0000-7000-8000-' || lpad((100 + number)::text, 12, '0'))::uuid,
       ('01990000-0000-7000-8000-' || lpad((1 + number % 60)::text, 12, '0'))::uuid,
       'delivery', '2026-09-01 12:00:00Z', '2026-09-02 10:00:00Z', '2026-09-02 10:00:00Z'
FROM generate_series(0, 59) AS number;
INSERT INTO "prefix".phoenix_kit_email_events (uuid, email_log_uuid, event_type, occurred_at, inserted_at, updated_at)
SELECT ('01990000-0000-7000-8000-' || lpad((1000 + number)::text, 12, '0'))::uuid,
       '01990000-0000-7000-8000-000000000003', 'open',
       timestamptz '2026-09-01 13:00:00Z' + number * interval '1 s', '2026-09-02 10:00:00Z', '2026-09-02 10:00:00Z'
FROM generate_series(1, 700) AS number;

INSERT INTO "prefix".phoenix_kit_email_metrics (metric_key, value, inserted_at, updated_at)
VALUES ('sent', 5, '2026-09-02 10:00:00Z', '2026-09-02 10:00:00Z');
INSERT INTO "prefix".phoenix_kit_email_templates
    (name, slug, display_name, subject, html_body, text_body, inserted_at, updated_at)
VALUES ('order', 'order', '{}', '{}', '{}', '{}', now(), now());
