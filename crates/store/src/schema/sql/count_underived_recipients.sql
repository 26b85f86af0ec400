-- Recipients that the stored events do not tell of: of a mail one of whose events an application had stored first, which
-- keeps a part of it that does not say to whom the mail went.
SELECT count(*)
FROM "prefix".aftersend_recipients AS recipient
WHERE EXISTS (
    SELECT
    FROM "prefix".phoenix_kit_email_events AS event
    WHERE event.email_log_uuid = recipient.email_log_uuid
      AND event.aftersend_fingerprint IS NOT NULL
      AND (event.event_data ?| ARRAY['eventType', 'notificationType']) IS NOT TRUE
)
