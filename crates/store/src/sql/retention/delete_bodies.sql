-- $1 mails, locked. That there was a body stays known: compressed and not there is how PhoenixKit marks one that it has
-- discarded, and whoever logs the mail again does not bring it back.
UPDATE "prefix".phoenix_kit_email_logs
SET body_full = NULL, body_preview = NULL, body_compressed = true, updated_at = now()
WHERE uuid = ANY($1)
