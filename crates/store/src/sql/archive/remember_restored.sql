-- $1 mails that are back, $2 the objects that have them, $3 their digests. The update time and the number of events are what
-- they are here.
INSERT INTO "prefix".aftersend_archived_mails AS held (
    email_log_uuid, object_number, digest, mail_updated_at, events, restored_at
)
SELECT mail.uuid, back.object_number, back.digest, mail.updated_at,
       (SELECT count(*) FROM "prefix".phoenix_kit_email_events AS event WHERE event.email_log_uuid = mail.uuid)
       + (SELECT count(*) FROM "prefix".aftersend_folded_events AS folded WHERE folded.email_log_uuid = mail.uuid),
       now()
FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS back (uuid, object_number, digest)
JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = back.uuid
ORDER BY mail.uuid
ON CONFLICT (email_log_uuid) DO UPDATE
SET removed_at = NULL, restored_at = now(), message_id = NULL, fingerprints = NULL, record_hashes = NULL
