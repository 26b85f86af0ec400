-- $1 mails: as what they went to the archive, into objects that are proven and stay so until this is over; or what this
-- program has made of them since.
SELECT archived.email_log_uuid AS uuid, coalesce(archived.here_digest, archived.digest) AS digest
FROM "prefix".aftersend_archived_mails AS archived
JOIN "prefix".aftersend_archive_objects AS object ON object.number = archived.object_number
WHERE archived.email_log_uuid = ANY($1)
  AND archived.removed_at IS NULL
  AND object.state = 'verified'
ORDER BY archived.email_log_uuid
FOR SHARE OF object
