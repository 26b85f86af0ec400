-- $1 mails: those that nobody else holds, locked, so that nobody can add an event to them either. In the order of uuids.
SELECT uuid
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = ANY($1)
ORDER BY uuid
FOR UPDATE SKIP LOCKED
