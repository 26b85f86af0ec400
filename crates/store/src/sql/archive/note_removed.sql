-- $1 mails that are about to go: what ingest has to know of them. The hash is of an event's JSON as PostgreSQL spells it.
UPDATE "prefix".aftersend_archived_mails AS archived
SET removed_at = now(), restored_at = NULL, here_digest = NULL,
    message_id = CASE WHEN mail.message_id IS DISTINCT FROM mail.aws_message_id THEN mail.message_id::text END,
    fingerprints = occurrence.fingerprints, record_hashes = occurrence.record_hashes
FROM "prefix".phoenix_kit_email_logs AS mail
CROSS JOIN LATERAL (
    SELECT array_agg(told.fingerprint) AS fingerprints,
           array_agg(('x' || left(md5(told.event_data::text), 16))::bit(64)::bigint) AS record_hashes
    FROM (
        SELECT event.aftersend_fingerprint AS fingerprint, event.event_data
        FROM "prefix".phoenix_kit_email_events AS event
        WHERE event.email_log_uuid = mail.uuid
          AND event.aftersend_fingerprint IS NOT NULL
        UNION ALL
        SELECT folded.fingerprint, folded.event_data
        FROM "prefix".aftersend_folded_events AS folded
        WHERE folded.email_log_uuid = mail.uuid
    ) AS told
) AS occurrence
WHERE archived.email_log_uuid = mail.uuid
  AND mail.uuid = ANY($1)
