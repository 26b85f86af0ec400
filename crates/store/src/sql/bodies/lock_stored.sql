-- $1 uuids. As those that compress do: whoever holds one of the mails goes first.
SELECT uuid, body_full IS NULL AND body_compressed AS is_stored
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = ANY ($1)
ORDER BY uuid
FOR NO KEY UPDATE SKIP LOCKED
