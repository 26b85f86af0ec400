-- $1 mails, locked, whose compressed bodies go. That there was one stays known, as where it stood in the mail's row.
WITH gone AS (
    DELETE FROM "prefix".aftersend_bodies
    WHERE email_log_uuid = ANY($1)
)
UPDATE "prefix".phoenix_kit_email_logs
SET body_full = NULL, body_preview = NULL, body_compressed = true, updated_at = now()
WHERE uuid = ANY($1)
