-- Further records of occurrences that are parked already, as far as they say anything else: the other format of SES, a
-- verdict that came later. $1 is a hash of fingerprint and text, so that each is kept once. A statement of its own,
-- which sees what the one before it yielded to.
INSERT INTO "prefix".phoenix_kit_email_orphaned_events (
    uuid, aws_message_id, event_type, event_data, received_at, inserted_at, updated_at, aftersend_fingerprint
)
SELECT record.uuid, record.aws_message_id, record.event_type, record.event_data::jsonb, now(), now(), now(),
       record.fingerprint
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])
    AS record (uuid, fingerprint, aws_message_id, event_type, event_data)
LEFT JOIN "prefix".phoenix_kit_email_orphaned_events AS first ON first.uuid = record.fingerprint
WHERE first.event_data IS DISTINCT FROM record.event_data::jsonb
ORDER BY record.uuid
ON CONFLICT (uuid) DO NOTHING
