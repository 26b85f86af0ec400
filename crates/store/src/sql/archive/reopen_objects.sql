-- $1 mails that are back: the objects that have them are no longer closed.
UPDATE "prefix".aftersend_archive_objects AS object
SET state = 'verified', deleted_at = NULL
FROM "prefix".aftersend_archived_mails AS archived
WHERE archived.email_log_uuid = ANY($1)
  AND object.number = archived.object_number
  AND object.state = 'deleted'
