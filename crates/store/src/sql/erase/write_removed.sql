-- $1 removed events, $2 what they say from now on.
UPDATE "prefix".aftersend_removed_events AS removed
SET "row" = kept.json::jsonb
FROM unnest($1::uuid[], $2::text[]) AS kept (uuid, json)
WHERE removed.uuid = kept.uuid
