-- Occurrences of mails that nobody knows yet. The key is the fingerprint: the first record of an occurrence is parked,
-- whoever races, and only what comes back was not parked before. In the order of keys.
INSERT INTO "prefix".phoenix_kit_email_orphaned_events (
    uuid, aws_message_id, event_type, event_data, received_at, inserted_at, updated_at, aftersend_fingerprint
)
SELECT record.fingerprint, record.aws_message_id, record.event_type, record.event_data::jsonb, now(), now(), now(),
       record.fingerprint
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
    AS record (fingerprint, aws_message_id, event_type, event_data)
ORDER BY record.fingerprint
ON CONFLICT (uuid) DO NOTHING
RETURNING uuid
