-- $1 mails whose bodies stay as they are; $2 the versions of their rows.
INSERT INTO "prefix".aftersend_kept_bodies (email_log_uuid, row_version)
SELECT m.uuid, kept.row_version
FROM unnest($1::uuid[], $2::bigint[]) AS kept (uuid, row_version)
JOIN "prefix".phoenix_kit_email_logs AS m ON m.uuid = kept.uuid
ORDER BY m.uuid
ON CONFLICT (email_log_uuid) DO UPDATE SET row_version = excluded.row_version
