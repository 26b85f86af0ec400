-- $1 before when mails were sent, $2 the last key that was looked at, $3 mails at most: mails that went to the archive and have
-- changed since, as whoever changed them says. aftersend_archived_mails_due_idx.
SELECT mail.uuid, mail.sent_at, coalesce(octet_length(mail.body_full), stored.bytes, 0)::bigint AS body_bytes,
       mail.sent_at < $1 AND mail.sent_at > '-infinity' AS is_due
FROM (
    SELECT email_log_uuid
    FROM "prefix".aftersend_archived_mails
    WHERE events = -1
      AND removed_at IS NULL
      AND email_log_uuid > $2
    ORDER BY email_log_uuid
    LIMIT $3
) AS due
JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = due.email_log_uuid
LEFT JOIN "prefix".aftersend_bodies AS stored ON stored.email_log_uuid = mail.uuid
ORDER BY mail.uuid
