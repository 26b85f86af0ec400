-- $1 mails whose bodies are stored, and compared before this is committed. Not their updated_at: nothing that anybody reads
-- has changed.
UPDATE "prefix".phoenix_kit_email_logs
SET body_full = NULL, body_compressed = true
WHERE uuid = ANY ($1)
RETURNING body_full IS NULL AND body_compressed AS is_taken_out
