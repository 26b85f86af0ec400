-- $1 the age of mails in seconds. phoenix_kit_email_logs_compress_scan_index alone.
SELECT count(*) AS bodies
FROM "prefix".phoenix_kit_email_logs
WHERE body_full IS NOT NULL AND sent_at < now() - make_interval(secs => $1)
