-- $1 mails, locked, that are changed: those that are in the archive and here go there again.
UPDATE "prefix".aftersend_archived_mails
SET events = -1
WHERE email_log_uuid = ANY($1)
  AND removed_at IS NULL
  AND events <> -1
