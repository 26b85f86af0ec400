-- $1 an address, $2 a pattern of it: the mails that went there, by the recipients' index and by that of trigrams.
SELECT email_log_uuid AS uuid
FROM "prefix".aftersend_recipients
WHERE address = $1
UNION
SELECT uuid
FROM "prefix".phoenix_kit_email_logs
WHERE "to" ILIKE $2
ORDER BY uuid
