-- $1 digests; $2 the mails at hand. Bodies that may be the same as these: shared ones, and those of one mail each.
SELECT s.digest, s.id AS shared_id, NULL::uuid AS email_log_uuid,
       NULL::bigint AS row_version, s.bytes, s.compressed, d.packed, d.bytes AS dictionary_bytes
FROM "prefix".aftersend_shared_bodies AS s
LEFT JOIN "prefix".aftersend_body_dictionaries AS d ON d.id = s.dictionary_id
WHERE s.digest = ANY ($1)
UNION ALL
SELECT b.digest, NULL::int, b.email_log_uuid, b.xmin::text::bigint, b.bytes, b.compressed, d.packed, d.bytes
FROM "prefix".aftersend_bodies AS b
LEFT JOIN "prefix".aftersend_body_dictionaries AS d ON d.id = b.dictionary_id
WHERE b.digest = ANY ($1) AND b.shared_id IS NULL AND b.email_log_uuid <> ALL ($2)
