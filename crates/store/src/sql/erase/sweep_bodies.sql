-- $1 the last mail that was looked at before a page, $2 the last of the page, $3 bytes at most of a body in the mail's own row:
-- the page's bodies that are compressed, by whomever, in which no pattern is found.
SELECT m.uuid, m.body_compressed,
       CASE WHEN octet_length(m.body_full) <= $3 THEN m.body_full END AS body,
       coalesce(octet_length(m.body_full) > $3, false) AS is_too_long,
       b.digest, b.bytes, d.id AS dictionary_id,
       coalesce(b.compressed, s.compressed) AS compressed, d.packed, d.bytes AS dictionary_bytes
FROM "prefix".phoenix_kit_email_logs AS m
LEFT JOIN "prefix".aftersend_bodies AS b ON b.email_log_uuid = m.uuid AND m.body_full IS NULL
LEFT JOIN "prefix".aftersend_shared_bodies AS s ON s.id = b.shared_id
LEFT JOIN "prefix".aftersend_body_dictionaries AS d ON d.id = coalesce(b.dictionary_id, s.dictionary_id)
WHERE m.uuid > $1
  AND m.uuid <= $2
  AND m.body_compressed
