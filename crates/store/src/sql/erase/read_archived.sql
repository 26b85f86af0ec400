-- $1 the last archived mail that was looked at, $2 rows at most, $3 patterns in lower case: of the next those whose own id
-- may name the person; and how far that went. By primary key.
WITH page AS MATERIALIZED (
    SELECT email_log_uuid, message_id
    FROM "prefix".aftersend_archived_mails
    WHERE email_log_uuid > $1
    ORDER BY email_log_uuid
    LIMIT $2
)
SELECT looked_at.rows, looked_at.last, named.email_log_uuid AS uuid, named.message_id AS text
FROM (
    SELECT count(*) AS rows, (SELECT email_log_uuid FROM page ORDER BY email_log_uuid DESC LIMIT 1) AS last FROM page
) AS looked_at
LEFT JOIN page AS named ON lower(named.message_id) LIKE ANY ($3::text[])
ORDER BY named.email_log_uuid
