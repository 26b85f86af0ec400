-- Occurrences of mails that are in the archive, as far as it does not have them. The key is the fingerprint: the first
-- record of an occurrence is kept, whoever races, and only what comes back was not there before. In the order of keys.
INSERT INTO "prefix".aftersend_late_events (email_log_uuid, record, fingerprint, aws_message_id, event_data)
SELECT late.email_log_uuid, late.fingerprint, late.fingerprint, late.aws_message_id, late.event_data::jsonb
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])
    AS late (fingerprint, email_log_uuid, aws_message_id, event_data)
LEFT JOIN "prefix".aftersend_archived_mails AS archived ON archived.email_log_uuid = late.email_log_uuid
WHERE late.fingerprint = ANY(archived.fingerprints) IS NOT TRUE
ORDER BY late.email_log_uuid, late.fingerprint
ON CONFLICT (email_log_uuid, record) DO NOTHING
RETURNING record
