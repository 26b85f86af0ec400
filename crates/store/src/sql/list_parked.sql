-- $1, $2 the time and the uuid to begin below, $3 an SES id to choose or NULL, $4 rows at most.
-- aftersend_parked_received_at_idx, backwards; the one on SES ids where one is chosen.
SELECT uuid, aws_message_id::text, event_type::text, event_data::text AS event_data, received_at
FROM "prefix".phoenix_kit_email_orphaned_events
WHERE aftersend_fingerprint IS NOT NULL
  AND (received_at, uuid) < ($1, $2)
  AND ($3::text IS NULL OR aws_message_id = $3)
ORDER BY received_at DESC, uuid DESC
LIMIT $4
