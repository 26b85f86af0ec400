-- $1 objects of which no mail is here any more, if that is so.
UPDATE "prefix".aftersend_archive_objects AS object
SET state = 'deleted', deleted_at = now()
WHERE object.number = ANY($1)
  AND object.state = 'verified'
  AND object.kind = 'mails'
  AND NOT EXISTS (
      SELECT
      FROM "prefix".aftersend_archived_mails AS archived
      WHERE archived.object_number = object.number
        AND archived.removed_at IS NULL
  )
