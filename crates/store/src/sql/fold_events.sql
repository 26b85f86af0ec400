-- New occurrences whose place in V137's unique indexes another one holds. Under their mails' locks nobody else
-- folds the same ones.
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
ORDER BY event.email_log_uuid, event.fingerprint
ON CONFLICT (email_log_uuid, fingerprint) DO NOTHING
RETURNING uuid
