-- $1 the last mail that was looked at; $2 rows at most: the primary key.
SELECT email_log_uuid, bytes
FROM "prefix".aftersend_bodies
WHERE email_log_uuid > $1
ORDER BY email_log_uuid
LIMIT $2
