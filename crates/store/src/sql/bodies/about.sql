-- $1 the uuid: the primary key. How long the body is, and where: the body itself stays there. What stands in the mail's
-- own row goes before what was stored for it: the application wrote that later.
SELECT m.body_compressed,
       octet_length(m.body_full)::bigint AS body_bytes,
       left(m.body_full, 4) AS beginning,
       b.bytes AS stored_body_bytes,
       octet_length(coalesce(b.compressed, s.compressed)) AS stored_bytes
FROM "prefix".phoenix_kit_email_logs AS m
LEFT JOIN "prefix".aftersend_bodies AS b
    ON b.email_log_uuid = m.uuid AND m.body_full IS NULL AND m.body_compressed
LEFT JOIN "prefix".aftersend_shared_bodies AS s ON s.id = b.shared_id
WHERE m.uuid = $1
