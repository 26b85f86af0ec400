-- $1 seconds that a body is kept, $2 the key of the last one that was looked at, $3 rows at most. Compressed bodies in the
-- order of their keys, with whether their time has come: they have none of their own. Two primary keys.
SELECT stored.email_log_uuid AS uuid, coalesce(pg_column_size(stored.compressed), 0)::bigint AS bytes,
       mail.sent_at < now() - make_interval(secs => $1) AS is_due
FROM (
    SELECT email_log_uuid, compressed
    FROM "prefix".aftersend_bodies
    WHERE email_log_uuid > $2
    ORDER BY email_log_uuid
    LIMIT $3
) AS stored
JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = stored.email_log_uuid
ORDER BY stored.email_log_uuid
