-- $1 mails: the objects that have them or what came of them later.
SELECT DISTINCT object.name
FROM "prefix".aftersend_archived_mails AS archived
JOIN "prefix".aftersend_archive_objects AS object
    ON object.number = archived.object_number
    OR object.number = ANY(archived.late_objects)
WHERE archived.email_log_uuid = ANY($1)
  AND object.state IN ('verified', 'deleted')
ORDER BY object.name
