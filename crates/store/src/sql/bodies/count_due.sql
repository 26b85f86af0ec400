-- $1 the age of mails in seconds. V137's index for this scan alone.
SELECT count(*) AS bodies
FROM "prefix".phoenix_kit_email_logs
WHERE body_full IS NOT NULL AND sent_at < now() - make_interval(secs => $1)
