-- $1 the last mail that was looked at, $2 the last object, $3 how many mails, $4 before when they were sent, $5 for how many
-- days a mail that was brought back stays. Mails that are here and in an object that is proven.
-- aftersend_archived_mails_here_idx.
SELECT archived.object_number, archived.email_log_uuid
FROM "prefix".aftersend_archived_mails AS archived
JOIN "prefix".aftersend_archive_objects AS object ON object.number = archived.object_number
JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = archived.email_log_uuid
WHERE archived.removed_at IS NULL
  AND object.state = 'verified'
  AND (archived.object_number, archived.email_log_uuid) > ($2, $1)
  AND (archived.restored_at IS NULL OR archived.restored_at < now() - make_interval(days => $5))
  AND mail.sent_at < $4
ORDER BY archived.object_number, archived.email_log_uuid
LIMIT $3
