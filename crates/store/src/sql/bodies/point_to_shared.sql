-- $1 mails whose bodies turned out to be shared ones; $2 which. Sorted by the first.
UPDATE "prefix".aftersend_bodies AS b
SET shared_id = same.shared_id, dictionary_id = NULL, compressed = NULL
FROM unnest($1::uuid[], $2::int[]) AS same (email_log_uuid, shared_id)
WHERE b.email_log_uuid = same.email_log_uuid AND b.shared_id IS NULL
