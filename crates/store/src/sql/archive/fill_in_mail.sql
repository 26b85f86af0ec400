-- $1 a mail that is here, $2 one from the archive that it is: what the first lacks.
UPDATE "prefix".phoenix_kit_email_logs AS mail
SET subject = coalesce(mail.subject, back.subject), headers = coalesce(nullif(mail.headers, '{}'), back.headers),
    body_preview = coalesce(mail.body_preview, back.body_preview), body_full = coalesce(mail.body_full, back.body_full),
    size_bytes = coalesce(mail.size_bytes, back.size_bytes), user_uuid = coalesce(mail.user_uuid, back.user_uuid),
    error_message = coalesce(mail.error_message, back.error_message),
    queued_at = coalesce(mail.queued_at, back.queued_at)
FROM "prefix".phoenix_kit_email_logs AS back
WHERE mail.uuid = $1
  AND back.uuid = $2
  AND NOT mail.body_compressed
  AND (
      (mail.subject IS NULL AND back.subject IS NOT NULL)
      OR (nullif(mail.headers, '{}') IS NULL AND nullif(back.headers, '{}') IS NOT NULL)
      OR (mail.body_preview IS NULL AND back.body_preview IS NOT NULL)
      OR (mail.body_full IS NULL AND back.body_full IS NOT NULL)
      OR (mail.size_bytes IS NULL AND back.size_bytes IS NOT NULL)
      OR (mail.user_uuid IS NULL AND back.user_uuid IS NOT NULL)
      OR (mail.error_message IS NULL AND back.error_message IS NOT NULL)
      OR (mail.queued_at IS NULL AND back.queued_at IS NOT NULL)
  )
