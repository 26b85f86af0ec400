-- Rows of an application at V136 with all that V137 has to deal with. The last digits of a key tell what it is.
CREATE FUNCTION "prefix".key(number int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT ('01990000-0000-7000-8000-' || lpad(number::text, 12, '0'))::uuid
$$;

INSERT INTO "prefix".phoenix_kit_email_logs
    (uuid, message_id, aws_message_id, headers, "to", "from", inserted_at, updated_at)
SELECT "prefix".key(number), 'pk_' || number, aws_message_id, headers::jsonb, 'a@example.com', 'b@example.com', now(), now()
FROM (VALUES
    -- Mails with events.
    (1, 'ses-1', NULL),
    (2, 'ses-2', '{}'),
    (3, 'ses-3', '{"aws_message_id": "something else"}'),
    -- All three places, and each of the others alone.
    (11, NULL, '{"aws_message_id": "first", "X-AWS-Message-Id": "x1", "MessageId": "x2"}'),
    (12, NULL, '{"X-AWS-Message-Id": "second", "MessageId": "x3"}'),
    (13, NULL, '{"MessageId": "third", "messageid": "x4"}'),
    -- Taken, by a row and by one that is older.
    (21, NULL, '{"aws_message_id": "ses-1"}'),
    (23, NULL, '{"MessageId": "twice"}'),
    (22, NULL, '{"aws_message_id": "twice"}'),
    (24, NULL, '{"X-AWS-Message-Id": "twice"}'),
    -- No ids.
    (31, NULL, '{"aws_message_id": "", "MessageId": "behind an empty one"}'),
    (32, NULL, '{"aws_message_id": "", "MessageId": ""}'),
    (33, NULL, '{"aws_message_id": null}'),
    (34, NULL, '["aws_message_id"]'),
    (35, NULL, '"aws_message_id"'),
    (36, NULL, NULL),
    (37, NULL, 'null')
) AS mail (number, aws_message_id, headers);
INSERT INTO "prefix".phoenix_kit_email_logs (uuid, message_id, headers, "to", "from", inserted_at, updated_at)
VALUES
    ("prefix".key(41), 'pk_41', jsonb_build_object('MessageId', repeat('x', 256)), 'a', 'b', now(), now()),
    ("prefix".key(42), 'pk_42', jsonb_build_object('MessageId', repeat('y', 255)), 'a', 'b', now(), now());

INSERT INTO "prefix".phoenix_kit_email_events (uuid, email_log_uuid, event_type, occurred_at, inserted_at, updated_at)
SELECT "prefix".key(number), "prefix".key(mail), event_type, timestamptz '2026-09-01 10:00:00Z' + at * interval '1 s',
       now(), now()
FROM (VALUES
    -- One to a type, whatever its time; the smallest key stays, wherever it stands.
    (103, 1, 'delivery', 5), (101, 1, 'delivery', 9), (102, 1, 'delivery', 5),
    (111, 1, 'send', 0), (112, 1, 'queued', 0), (113, 1, 'queued', 1), (114, 1, 'failed', 0),
    -- One to a type and time.
    (122, 1, 'open', 20), (121, 1, 'open', 20), (123, 1, 'open', 21), (124, 1, 'click', 20), (125, 1, 'click', 20),
    -- Another mail's are another mail's.
    (131, 2, 'delivery', 5), (132, 2, 'open', 20),
    -- Types of an application's own are like all but open and click.
    (141, 3, 'opened', 20), (142, 3, 'opened', 21)
) AS event (number, mail, event_type, at);
-- Groups of 1,000.
INSERT INTO "prefix".phoenix_kit_email_events (uuid, email_log_uuid, event_type, occurred_at, inserted_at, updated_at)
SELECT "prefix".key(10000 + number), "prefix".key(3), 'open', '2026-09-01 10:00:00Z', now(), now()
FROM generate_series(1, 1000) AS number;
INSERT INTO "prefix".phoenix_kit_email_events (uuid, email_log_uuid, event_type, occurred_at, inserted_at, updated_at)
SELECT "prefix".key(20000 + number), "prefix".key(3), 'delivery', now(), now(), now()
FROM generate_series(1, 1000) AS number;

DROP FUNCTION "prefix".key;
