-- $1 fingerprints of what was stored just now, $2 SES ids, $3 the mails that were found by them. What of it has been
-- counted before, when it was parked; and mails made for the same ids, which somebody has committed since they were
-- looked up. In one statement: whoever makes such a mail takes its parked events away in the same transaction, so one
-- of the two is seen. Primary keys.
SELECT uuid AS fingerprint, false AS is_mail
FROM "prefix".phoenix_kit_email_orphaned_events
WHERE uuid = ANY($1)
UNION ALL
SELECT mail.uuid, true
FROM "prefix".aftersend_ids AS ids
JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = ids.email_log_uuid
WHERE ids.aws_message_id = ANY($2)
  AND ids.state = 'created'
  AND mail.aftersend_derived
  AND ids.email_log_uuid <> ALL($3)
