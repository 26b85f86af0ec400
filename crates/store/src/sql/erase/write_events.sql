-- $1 events whose mail is locked, and what they say from now on; $9 whether it is forgotten where they came from.
UPDATE "prefix".phoenix_kit_email_events AS event
SET event_data = kept.event_data::jsonb,
    link_url = kept.link_url,
    user_agent = kept.user_agent,
    ip_address = kept.ip_address,
    reject_reason = kept.reject_reason,
    failure_reason = kept.failure_reason,
    aftersend_fingerprint = coalesce(event.aftersend_fingerprint, kept.fingerprint),
    geo_location = CASE WHEN $9::boolean THEN '{}' ELSE event.geo_location END,
    updated_at = now()
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[])
    AS kept (uuid, event_data, link_url, user_agent, ip_address, reject_reason, failure_reason, fingerprint)
WHERE event.uuid = kept.uuid
