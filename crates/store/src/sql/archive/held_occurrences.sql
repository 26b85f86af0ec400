-- $1 a mail: which occurrences it has.
SELECT uuid, aftersend_fingerprint AS fingerprint FROM "prefix".phoenix_kit_email_events WHERE email_log_uuid = $1
UNION ALL
SELECT uuid, fingerprint FROM "prefix".aftersend_folded_events WHERE email_log_uuid = $1
