-- $1 mails: when they were sent, each quarter of an hour once.
SELECT DISTINCT date_bin('15 minutes', sent_at, '2000-01-01T00:00:00Z')
FROM "prefix".phoenix_kit_email_logs
WHERE uuid = ANY($1)
  AND isfinite(sent_at)
