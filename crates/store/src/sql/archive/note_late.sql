-- $1 the object that has them, $2 mails, $3 records: late events that are in the archive now. What ingest has to know of
-- them is kept with their mails; the rows go in the same statement.
WITH gone AS (
    DELETE FROM "prefix".aftersend_late_events AS late
    USING unnest($2::uuid[], $3::uuid[]) AS told (email_log_uuid, record)
    JOIN "prefix".aftersend_archived_mails AS archived ON archived.email_log_uuid = told.email_log_uuid
    WHERE late.email_log_uuid = told.email_log_uuid
      AND late.record = told.record
      -- What is late of a mail that is back belongs there.
      AND archived.removed_at IS NOT NULL
    RETURNING late.email_log_uuid, late.fingerprint, late.event_data
), by_mail AS (
    SELECT email_log_uuid, array_agg(DISTINCT fingerprint) AS fingerprints,
           array_agg(('x' || left(md5(event_data::text), 16))::bit(64)::bigint) AS record_hashes
    FROM gone
    GROUP BY email_log_uuid
)
UPDATE "prefix".aftersend_archived_mails AS archived
SET fingerprints = coalesce(archived.fingerprints, '{}') || by_mail.fingerprints,
    record_hashes = coalesce(archived.record_hashes, '{}') || by_mail.record_hashes,
    late_objects = coalesce(archived.late_objects, '{}') || $1::bigint
FROM by_mail
WHERE archived.email_log_uuid = by_mail.email_log_uuid
