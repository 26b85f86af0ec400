-- $1 SES ids, $2 the last key that was taken, $3 rows at most. Parked events of these mails; those that another process
-- is joining right now are left to it. phoenix_kit_orphaned_events_aws_id_idx.
SELECT uuid, aftersend_fingerprint AS fingerprint, event_data::text AS event_data
FROM "prefix".phoenix_kit_email_orphaned_events
WHERE aws_message_id = ANY($1)
  AND aftersend_fingerprint IS NOT NULL
  AND uuid > $2
ORDER BY uuid
LIMIT $3
FOR UPDATE SKIP LOCKED
