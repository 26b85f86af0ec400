-- $1 mails. In the order of their uuids, as ingest locks them; whoever stores events of one of them is waited for,
-- and what it stored is seen by the next statement.
SELECT
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = ANY($1)
ORDER BY uuid
FOR NO KEY UPDATE
