-- $1 the last parked event that was looked at, $2 rows at most, $3 patterns in lower case: those of the next that may name
-- the person, locked, since a joiner may be taking them.
SELECT uuid, aws_message_id::text, event_data::text AS json
FROM "prefix".phoenix_kit_email_orphaned_events
WHERE uuid > $1
  AND lower(concat_ws(' ', event_data::text, error_message)) LIKE ANY ($3::text[])
ORDER BY uuid
LIMIT $2
FOR UPDATE
