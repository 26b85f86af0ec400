-- The same for folded events.
UPDATE "prefix".aftersend_folded_events AS stored
SET fingerprint = merged.fingerprint,
    occurred_at = merged.occurred_at,
    ip_address = merged.ip_address,
    user_agent = merged.user_agent,
    link_url = merged.link_url,
    bounce_type = merged.bounce_type,
    complaint_type = merged.complaint_type,
    reject_reason = merged.reject_reason,
    delay_type = merged.delay_type,
    subscription_type = merged.subscription_type,
    failure_reason = merged.failure_reason,
    subtype = merged.subtype,
    bot_verdict = merged.bot_verdict
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[]
) AS merged (
    uuid, email_log_uuid, fingerprint, occurred_at, ip_address, user_agent, link_url, bounce_type, complaint_type,
    reject_reason, delay_type, subscription_type, failure_reason, subtype, bot_verdict
)
WHERE stored.email_log_uuid = merged.email_log_uuid
  AND stored.fingerprint = merged.fingerprint
