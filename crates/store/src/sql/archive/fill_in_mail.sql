-- $1 a mail that is here, $2 one from the archive that it is, $3 the own id of that where an application logged it: what the
-- first lacks. One that events alone have made becomes the application's, under its own id if nobody else has it. A body
-- that was thrown away on purpose, or is kept elsewhere, is not lacking.
UPDATE "prefix".phoenix_kit_email_logs AS mail
SET "to" = CASE WHEN made.is_derived THEN back."to" ELSE mail."to" END,
    "from" = CASE WHEN made.is_derived THEN back."from" ELSE mail."from" END,
    subject = CASE WHEN made.is_derived THEN coalesce(back.subject, mail.subject) ELSE coalesce(mail.subject, back.subject) END,
    headers = coalesce(nullif(mail.headers, '{}'), back.headers),
    body_preview = CASE
        WHEN mail.body_compressed THEN mail.body_preview
        ELSE coalesce(mail.body_preview, back.body_preview)
    END,
    body_full = CASE WHEN mail.body_compressed THEN mail.body_full ELSE coalesce(mail.body_full, back.body_full) END,
    body_compressed = mail.body_compressed
                      OR (mail.body_full IS NULL AND back.body_full IS NOT NULL AND back.body_compressed),
    size_bytes = coalesce(mail.size_bytes, back.size_bytes), user_uuid = coalesce(mail.user_uuid, back.user_uuid),
    error_message = coalesce(mail.error_message, back.error_message),
    queued_at = coalesce(mail.queued_at, back.queued_at),
    template_name = CASE
        WHEN made.is_derived THEN coalesce(back.template_name, mail.template_name)
        ELSE mail.template_name
    END,
    campaign_id = CASE
        WHEN made.is_derived THEN coalesce(back.campaign_id, mail.campaign_id)
        ELSE mail.campaign_id
    END,
    locale = CASE WHEN made.is_derived THEN back.locale ELSE mail.locale END,
    message_tags = CASE
        WHEN made.is_derived THEN coalesce(nullif(back.message_tags, '{}'), mail.message_tags)
        ELSE mail.message_tags
    END,
    attachments_count = CASE WHEN made.is_derived THEN back.attachments_count ELSE mail.attachments_count END,
    message_id = CASE
        WHEN made.is_derived AND NOT EXISTS (
            SELECT FROM "prefix".phoenix_kit_email_logs AS other WHERE other.message_id = $3
        ) THEN $3
        ELSE mail.message_id
    END,
    aftersend_logged = CASE WHEN made.is_derived THEN back.aftersend_logged ELSE mail.aftersend_logged END,
    aftersend_derived = CASE WHEN made.is_derived THEN NULL ELSE mail.aftersend_derived END,
    updated_at = now()
FROM "prefix".phoenix_kit_email_logs AS back
CROSS JOIN LATERAL (
    SELECT $3::text IS NOT NULL
           AND EXISTS (
               SELECT
               FROM "prefix".phoenix_kit_email_logs AS here
               WHERE here.uuid = $1
                 AND here.aftersend_derived
                 AND here.aws_message_id IS NOT NULL
           ) AS is_derived
) AS made
WHERE mail.uuid = $1
  AND back.uuid = $2
  AND (
      made.is_derived
      OR (mail.subject IS NULL AND back.subject IS NOT NULL)
      OR (nullif(mail.headers, '{}') IS NULL AND nullif(back.headers, '{}') IS NOT NULL)
      OR (NOT mail.body_compressed AND mail.body_preview IS NULL AND back.body_preview IS NOT NULL)
      OR (NOT mail.body_compressed AND mail.body_full IS NULL AND back.body_full IS NOT NULL)
      OR (mail.size_bytes IS NULL AND back.size_bytes IS NOT NULL)
      OR (mail.user_uuid IS NULL AND back.user_uuid IS NOT NULL)
      OR (mail.error_message IS NULL AND back.error_message IS NOT NULL)
      OR (mail.queued_at IS NULL AND back.queued_at IS NOT NULL)
  )
