-- $1 seconds that a body is kept, $2 and $3 the time and the key of the last one that was looked at, $4 rows at most.
-- compress_scan_index, which has the mails with a body alone.
SELECT uuid, sent_at,
       (coalesce(pg_column_size(body_full), 0) + coalesce(pg_column_size(body_preview), 0))::bigint AS bytes
FROM "prefix".phoenix_kit_email_logs
WHERE body_full IS NOT NULL
  AND sent_at < now() - make_interval(secs => $1)
  AND sent_at >= $2
  AND (sent_at, uuid) > ($2, $3)
ORDER BY sent_at, uuid
LIMIT $4
FOR NO KEY UPDATE SKIP LOCKED
