-- $1 and $2 the last mail that was looked at, NULL before the first; $3 the age of mails in seconds, from which on; $4 rows at most.
-- V137's index for this scan. No body is read: how many bytes it takes is known without.
-- A mark holds as long as the mail's row is the one that was looked at.
SELECT m.uuid, m.sent_at, m.template_name::text AS template_name, m.body_compressed,
       octet_length(m.body_full)::bigint AS body_bytes,
       pg_column_size(m.body_full)::bigint AS column_bytes,
       coalesce(k.row_version = m.xmin::text::bigint, false) AS is_marked
FROM "prefix".phoenix_kit_email_logs AS m
LEFT JOIN "prefix".aftersend_kept_bodies AS k ON k.email_log_uuid = m.uuid
WHERE m.body_full IS NOT NULL
  AND m.sent_at < now() - make_interval(secs => $3)
  AND m.sent_at > '-infinity'
  AND ($1::timestamptz IS NULL OR (m.sent_at >= $1 AND (m.sent_at, m.uuid) > ($1, $2::uuid)))
ORDER BY m.sent_at, m.uuid
LIMIT $4
