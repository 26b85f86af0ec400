-- $1 uuids. Whoever holds one of them goes first. Locked this way, events still find their mail.
SELECT uuid, xmin::text::bigint AS row_version
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = ANY ($1) AND body_full IS NOT NULL
ORDER BY uuid
FOR NO KEY UPDATE SKIP LOCKED
