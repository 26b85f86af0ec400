-- $1 a mail made from events, whose events have all gone to the one that an application logged.
DELETE FROM "prefix".phoenix_kit_email_logs AS mail
WHERE mail.uuid = $1
  AND NOT EXISTS (SELECT FROM "prefix".phoenix_kit_email_events AS event WHERE event.email_log_uuid = $1)
  AND NOT EXISTS (SELECT FROM "prefix".aftersend_folded_events AS event WHERE event.email_log_uuid = $1)
