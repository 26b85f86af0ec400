-- $1 mails whose bodies have just been stored, each by itself: the primary key.
SELECT b.email_log_uuid, b.digest, b.bytes, b.dictionary_id, d.xmin::text::bigint AS dictionary_version, b.compressed
FROM "prefix".aftersend_bodies AS b
LEFT JOIN "prefix".aftersend_body_dictionaries AS d ON d.id = b.dictionary_id
WHERE b.email_log_uuid = ANY ($1)
