-- $1 mails that were marked as changed: those that are not here any more, though they never left for the archive, are due no
-- more. Should one come back, the number of its events tells.
UPDATE "prefix".aftersend_archived_mails AS archived
SET events = 0
WHERE archived.email_log_uuid = ANY($1)
  AND archived.events = -1
  AND archived.removed_at IS NULL
  AND NOT EXISTS (
      SELECT FROM "prefix".phoenix_kit_email_logs AS mail WHERE mail.uuid = archived.email_log_uuid
  )
