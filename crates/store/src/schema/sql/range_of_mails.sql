-- $1 a mail, $2 a number of mails: the mail that ends a range of so many. Read from the primary key alone.
SELECT uuid
FROM "prefix".phoenix_kit_email_logs
WHERE $1::uuid IS NULL OR uuid > $1
ORDER BY uuid
OFFSET $2::bigint
LIMIT 1
