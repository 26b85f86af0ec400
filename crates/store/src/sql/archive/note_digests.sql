-- $1 mails, locked, that were in the archive as they were here, $2 their digests from before and $3 as this program has left
-- them: what is here is less or stands elsewhere, and the archive has it. Their update times may have changed by it, too.
UPDATE "prefix".aftersend_archived_mails AS archived
SET here_digest = told.here, mail_updated_at = mail.updated_at
FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS told (uuid, before, here)
JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = told.uuid
WHERE archived.email_log_uuid = told.uuid
  AND archived.removed_at IS NULL
  AND coalesce(archived.here_digest, archived.digest) = told.before
