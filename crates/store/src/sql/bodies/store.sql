-- $1 mails, ascending; $2 digests; $3 lengths; $4 dictionaries; $5 shared bodies; $6 the compressed bodies. What was stored
-- for a mail before is of a body that it has no longer.
INSERT INTO "prefix".aftersend_bodies (email_log_uuid, digest, bytes, dictionary_id, shared_id, compressed)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::int[], $5::int[], $6::bytea[])
ON CONFLICT (email_log_uuid) DO UPDATE
SET digest = excluded.digest, bytes = excluded.bytes, dictionary_id = excluded.dictionary_id,
    shared_id = excluded.shared_id, compressed = excluded.compressed
