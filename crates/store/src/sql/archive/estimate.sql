-- $1 before when mails were sent. How many there are, and the bytes of their bodies; of those which are in the archive and
-- still here, how many, whether or not they have changed since. Read whole: for a person who asks.
SELECT count(*) AS mails, coalesce(sum(coalesce(octet_length(mail.body_full), stored.bytes)), 0)::bigint AS body_bytes,
       count(archived.email_log_uuid) AS archived, min(mail.sent_at) AS first_sent_at, max(mail.sent_at) AS last_sent_at
FROM "prefix".phoenix_kit_email_logs AS mail
LEFT JOIN "prefix".aftersend_archived_mails AS archived ON archived.email_log_uuid = mail.uuid
LEFT JOIN "prefix".aftersend_bodies AS stored ON stored.email_log_uuid = mail.uuid
WHERE mail.sent_at < $1
  AND mail.sent_at > '-infinity'
