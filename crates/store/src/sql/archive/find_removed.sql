-- $1 mails: those that were removed here, locked. In the order of uuids.
SELECT email_log_uuid
FROM "prefix".aftersend_archived_mails
WHERE email_log_uuid = ANY($1)
  AND removed_at IS NOT NULL
ORDER BY email_log_uuid
FOR UPDATE
