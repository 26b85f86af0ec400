-- $1 parked events, locked, $2 what they say from now on.
UPDATE "prefix".phoenix_kit_email_orphaned_events AS parked
SET event_data = kept.json::jsonb, error_message = NULL, updated_at = now()
FROM unnest($1::uuid[], $2::text[]) AS kept (uuid, json)
WHERE parked.uuid = kept.uuid
