-- $1 before when mails were sent, $2 the last key that was looked at, $3 mails at most: mails that went to the archive and have
-- changed since, as whoever changed them says. One that is gone takes its place in the page, or the pages behind it would
-- never be read. aftersend_archived_mails_due_idx.
SELECT due.email_log_uuid AS uuid, CASE WHEN isfinite(mail.sent_at) THEN mail.sent_at END AS sent_at,
       mail.uuid IS NULL AS is_gone, coalesce(octet_length(mail.body_full), stored.bytes, 0)::bigint AS body_bytes,
       coalesce(mail.sent_at < $1 AND mail.sent_at > '-infinity', false) AS is_due
FROM (
    SELECT email_log_uuid
    FROM "prefix".aftersend_archived_mails
    WHERE events = -1
      AND removed_at IS NULL
      AND email_log_uuid > $2
    ORDER BY email_log_uuid
    LIMIT $3
) AS due
LEFT JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = due.email_log_uuid
LEFT JOIN "prefix".aftersend_bodies AS stored ON stored.email_log_uuid = mail.uuid
ORDER BY due.email_log_uuid
