-- $1 a mail: its recipients.
SELECT address, listed
FROM "prefix".aftersend_recipients
WHERE email_log_uuid = $1
ORDER BY address
