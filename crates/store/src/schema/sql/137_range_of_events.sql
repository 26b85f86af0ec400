-- $1 a mail, $2 a number of events: the mail whose events end a range of about so many. Read from the index on
-- email_log_uuid alone.
SELECT email_log_uuid
FROM "prefix".phoenix_kit_email_events
WHERE $1::uuid IS NULL OR email_log_uuid > $1
ORDER BY email_log_uuid
OFFSET $2::bigint
LIMIT 1
