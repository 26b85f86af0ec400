-- $1 uuids; $2 bytes at most.
SELECT uuid, body_full, body_compressed, xmin::text::bigint AS row_version
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = ANY ($1) AND body_full IS NOT NULL AND octet_length(body_full) <= $2
