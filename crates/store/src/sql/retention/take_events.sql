-- $1 seconds that it is kept, $2 and $3 the time and the key of the last event that was looked at, $4 rows at most.
-- occurred_at_idx.
SELECT event.uuid, event.email_log_uuid, event.occurred_at, event.event_type::text, event.event_data::text AS event_data,
       event.aftersend_fingerprint AS fingerprint, mail.aws_message_id::text,
       event.ip_address IS NOT NULL OR event.user_agent IS NOT NULL AS has_address
FROM "prefix".phoenix_kit_email_events AS event
JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = event.email_log_uuid
WHERE event.occurred_at < now() - make_interval(secs => $1)
  AND event.occurred_at >= $2
  AND (event.occurred_at, event.uuid) > ($2, $3)
ORDER BY event.occurred_at, event.uuid
LIMIT $4
