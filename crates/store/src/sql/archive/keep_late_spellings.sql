-- Further records of occurrences, as far as they say anything else than what is kept or in the archive. $1 is a hash of
-- fingerprint and text, so that each is kept once. A statement of its own, which sees what the one before it yielded to.
INSERT INTO "prefix".aftersend_late_events (email_log_uuid, record, fingerprint, aws_message_id, event_data)
SELECT late.email_log_uuid, late.record, late.fingerprint, late.aws_message_id, late.event_data::jsonb
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])
    AS late (record, fingerprint, email_log_uuid, aws_message_id, event_data)
LEFT JOIN "prefix".aftersend_late_events AS first
    ON first.email_log_uuid = late.email_log_uuid
    AND first.record = late.fingerprint
LEFT JOIN "prefix".aftersend_archived_mails AS archived ON archived.email_log_uuid = late.email_log_uuid
WHERE first.event_data IS DISTINCT FROM late.event_data::jsonb
  AND ('x' || left(md5((late.event_data::jsonb)::text), 16))::bit(64)::bigint = ANY(archived.record_hashes) IS NOT TRUE
ORDER BY late.email_log_uuid, late.record
ON CONFLICT (email_log_uuid, record) DO NOTHING
