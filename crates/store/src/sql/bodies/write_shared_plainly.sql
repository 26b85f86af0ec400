-- $1 ids of shared bodies, locked; $2 these, compressed without a dictionary.
UPDATE "prefix".aftersend_shared_bodies AS stored
SET dictionary_id = NULL, compressed = plain.compressed
FROM unnest($1::int[], $2::bytea[]) AS plain (id, compressed)
WHERE stored.id = plain.id
