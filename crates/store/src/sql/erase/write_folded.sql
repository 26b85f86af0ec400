-- $8 a mail, locked; $1 folded events of its, by their fingerprints, and what they say from now on.
UPDATE "prefix".aftersend_folded_events AS event
SET event_data = kept.event_data::jsonb,
    link_url = kept.link_url,
    user_agent = kept.user_agent,
    ip_address = kept.ip_address,
    reject_reason = kept.reject_reason,
    failure_reason = kept.failure_reason
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS kept (fingerprint, event_data, link_url, user_agent, ip_address, reject_reason, failure_reason)
WHERE event.email_log_uuid = $8
  AND event.fingerprint = kept.fingerprint
