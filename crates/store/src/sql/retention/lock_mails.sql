-- $1 mails whose events are about to be changed. In the order of uuids; those that somebody holds are left for later.
SELECT uuid
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = ANY($1)
ORDER BY uuid
FOR NO KEY UPDATE SKIP LOCKED
