-- $1 events whose mails are locked, $2 their JSON from now on, $3 fingerprints of those that had none, $4 whether it is
-- forgotten where they came from.
UPDATE "prefix".phoenix_kit_email_events AS event
SET event_data = kept.event_data::jsonb,
    aftersend_fingerprint = coalesce(event.aftersend_fingerprint, kept.fingerprint),
    ip_address = CASE WHEN $4::boolean THEN NULL ELSE event.ip_address END,
    user_agent = CASE WHEN $4::boolean THEN NULL ELSE event.user_agent END,
    geo_location = CASE WHEN $4::boolean THEN '{}' ELSE event.geo_location END,
    updated_at = now()
FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS kept (uuid, event_data, fingerprint)
WHERE event.uuid = kept.uuid
