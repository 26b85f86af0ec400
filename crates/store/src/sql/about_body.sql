-- $1 the uuid: the primary key. Only how long the body is: the body itself stays where it is.
SELECT octet_length(body_full)::bigint AS body_bytes, body_compressed
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = $1
