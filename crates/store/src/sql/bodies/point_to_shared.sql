-- $1 mails whose bodies turned out to be shared ones; $2 which; $3 the versions of their rows. Sorted by the first. The rows
-- were read without a lock: one that was stored anew since is of another body.
UPDATE "prefix".aftersend_bodies AS b
SET shared_id = same.shared_id, dictionary_id = NULL, compressed = NULL
FROM unnest($1::uuid[], $2::int[], $3::bigint[]) AS same (email_log_uuid, shared_id, row_version)
WHERE b.email_log_uuid = same.email_log_uuid AND b.shared_id IS NULL AND b.xmin::text::bigint = same.row_version
