-- $1 a mail: which of the columns that only its application tells it has. A body that was thrown away on purpose, or is kept
-- elsewhere, counts, and with it the beginning of it.
SELECT array_remove(
           ARRAY[
               CASE WHEN mail.subject IS NOT NULL THEN 'subject' END,
               CASE WHEN nullif(mail.headers, '{}') IS NOT NULL THEN 'headers' END,
               CASE WHEN mail.body_preview IS NOT NULL OR mail.body_compressed THEN 'body_preview' END,
               CASE WHEN mail.body_full IS NOT NULL OR mail.body_compressed THEN 'body_full' END,
               CASE WHEN mail.size_bytes IS NOT NULL THEN 'size_bytes' END,
               CASE WHEN mail.user_uuid IS NOT NULL THEN 'user_uuid' END,
               CASE WHEN mail.error_message IS NOT NULL THEN 'error_message' END,
               CASE WHEN mail.queued_at IS NOT NULL THEN 'queued_at' END
           ],
           NULL
       ) AS held,
       coalesce(mail.aftersend_derived, false) AND mail.aws_message_id IS NOT NULL AS is_derived
FROM "prefix".phoenix_kit_email_logs AS mail
WHERE mail.uuid = $1
