-- Mails of which an event is kept whole, and whose recipients it tells.
SELECT count(DISTINCT email_log_uuid)
FROM "prefix".phoenix_kit_email_events
WHERE event_data ?| ARRAY['eventType', 'notificationType']
