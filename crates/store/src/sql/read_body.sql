-- $1 the uuid: the primary key; $2 bytes at most.
SELECT CASE WHEN octet_length(body_full) <= $2 THEN body_full END AS body, body_compressed
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = $1
