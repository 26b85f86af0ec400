-- $1 digests, ascending; $2 lengths; $3 dictionaries; $4 the compressed bodies. What another job has stored under a digest
-- meanwhile is left alone, and this one's is not shared.
INSERT INTO "prefix".aftersend_shared_bodies (digest, bytes, dictionary_id, compressed)
SELECT * FROM unnest($1::bigint[], $2::int[], $3::int[], $4::bytea[])
ON CONFLICT (digest) DO NOTHING
RETURNING digest, id
