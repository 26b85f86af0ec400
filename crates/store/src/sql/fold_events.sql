-- What neither insert took: a repeat of a stored occurrence, or another occurrence in the place of one. A
-- statement of its own, after the inserts: what a racing batch has just committed made the insert yield, yet
-- only a later statement's snapshot sees it. Each of the two look-ups is served by one of V137's indexes.
INSERT INTO "prefix".aftersend_folded_events (
    uuid, email_log_uuid, event_type, event_data, occurred_at, ip_address, user_agent, link_url, bounce_type,
    complaint_type, reject_reason, delay_type, subscription_type, failure_reason, subtype, bot_verdict, fingerprint
)
SELECT event.uuid, event.email_log_uuid, event.event_type, event.event_data::jsonb, event.occurred_at,
       event.ip_address, event.user_agent, event.link_url, event.bounce_type, event.complaint_type,
       event.reject_reason, event.delay_type, event.subscription_type, event.failure_reason, event.subtype,
       event.bot_verdict, event.fingerprint
FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
    $17::uuid[]
) AS event (
    uuid, email_log_uuid, event_type, event_data, occurred_at, ip_address, user_agent, link_url, bounce_type,
    complaint_type, reject_reason, delay_type, subscription_type, failure_reason, subtype, bot_verdict,
    fingerprint
)
WHERE NOT EXISTS (
    SELECT FROM "prefix".phoenix_kit_email_events AS stored
    WHERE stored.email_log_uuid = event.email_log_uuid
      AND stored.event_type = event.event_type
      AND stored.event_type NOT IN ('open', 'click')
      AND stored.aftersend_fingerprint = event.fingerprint
)
AND NOT EXISTS (
    SELECT FROM "prefix".phoenix_kit_email_events AS stored
    WHERE stored.email_log_uuid = event.email_log_uuid
      AND stored.event_type = event.event_type
      AND stored.occurred_at = event.occurred_at
      AND stored.event_type IN ('open', 'click')
      AND stored.aftersend_fingerprint = event.fingerprint
)
ORDER BY event.email_log_uuid, event.fingerprint
ON CONFLICT (email_log_uuid, fingerprint) DO NOTHING
RETURNING uuid
