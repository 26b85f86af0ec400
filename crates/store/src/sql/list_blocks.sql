-- $1 rows at most. email_uidx.
SELECT email, reason
FROM "prefix".phoenix_kit_email_blocklist
ORDER BY email
LIMIT $1
