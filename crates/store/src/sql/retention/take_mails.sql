-- $1 seconds that a mail is kept, $2 and $3 the time and the key of the last one that was looked at, $4 rows at most. The
-- oldest mails, locked against everybody; those that somebody holds are left for later. With about what goes with each.
-- sent_at_idx, then each mail's events.
SELECT mail.uuid, mail.sent_at,
       (
           coalesce(pg_column_size(mail.body_full), 0) + coalesce(pg_column_size(mail.body_preview), 0)
           + coalesce(pg_column_size(mail.headers), 0)
           + (
               SELECT coalesce(sum(pg_column_size(event.event_data)), 0)
               FROM "prefix".phoenix_kit_email_events AS event
               WHERE event.email_log_uuid = mail.uuid
           )
           + (
               SELECT coalesce(sum(pg_column_size(event.event_data)), 0)
               FROM "prefix".aftersend_folded_events AS event
               WHERE event.email_log_uuid = mail.uuid
           )
       )::bigint AS bytes
FROM "prefix".phoenix_kit_email_logs AS mail
WHERE mail.sent_at < now() - make_interval(secs => $1)
  AND mail.sent_at >= $2
  AND (mail.sent_at, mail.uuid) > ($2, $3)
ORDER BY mail.sent_at, mail.uuid
LIMIT $4
FOR UPDATE SKIP LOCKED
