-- $1 mails whose stored bodies are locked; $2 these, compressed without a dictionary.
UPDATE "prefix".aftersend_bodies AS stored
SET dictionary_id = NULL, compressed = plain.compressed
FROM unnest($1::uuid[], $2::bytea[]) AS plain (email_log_uuid, compressed)
WHERE stored.email_log_uuid = plain.email_log_uuid
