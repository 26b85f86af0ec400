-- $1 uuids: the primary key; $2 bytes at most of a body in the mail's own row. A dictionary comes with the first of its bodies.
SELECT m.uuid, m.body_compressed,
       CASE WHEN octet_length(m.body_full) <= $2 THEN m.body_full END AS body,
       coalesce(octet_length(m.body_full) > $2, false) AS is_too_long,
       b.digest, b.bytes, d.id AS dictionary_id,
       coalesce(b.compressed, s.compressed) AS compressed,
       CASE WHEN row_number() OVER (PARTITION BY d.id ORDER BY m.uuid) = 1 THEN d.packed END AS packed,
       d.bytes AS dictionary_bytes
FROM "prefix".phoenix_kit_email_logs AS m
LEFT JOIN "prefix".aftersend_bodies AS b
    ON b.email_log_uuid = m.uuid AND m.body_full IS NULL AND m.body_compressed
LEFT JOIN "prefix".aftersend_shared_bodies AS s ON s.id = b.shared_id
LEFT JOIN "prefix".aftersend_body_dictionaries AS d ON d.id = coalesce(b.dictionary_id, s.dictionary_id)
WHERE m.uuid = ANY ($1)
ORDER BY d.id, m.uuid
