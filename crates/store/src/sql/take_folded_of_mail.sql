-- The same for folded events, by primary key.
DELETE FROM "prefix".aftersend_folded_events AS event
USING (
    SELECT fingerprint FROM "prefix".aftersend_folded_events WHERE email_log_uuid = $1 ORDER BY fingerprint LIMIT $2
) AS page
WHERE event.email_log_uuid = $1
  AND event.fingerprint = page.fingerprint
RETURNING event.uuid, event.fingerprint, event_type::text AS event_type, occurred_at, ip_address, user_agent::text,
          link_url::text, bounce_type, complaint_type, reject_reason::text, delay_type, subscription_type,
          failure_reason::text, subtype, bot_verdict, event_data::text AS event_data
