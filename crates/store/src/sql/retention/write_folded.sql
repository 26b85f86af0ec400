-- $1 mails, locked, $2 fingerprints of folded events of theirs, $3 their JSON from now on, $4 whether it is forgotten where
-- they came from.
UPDATE "prefix".aftersend_folded_events AS event
SET event_data = kept.event_data::jsonb,
    ip_address = CASE WHEN $4::boolean THEN NULL ELSE event.ip_address END,
    user_agent = CASE WHEN $4::boolean THEN NULL ELSE event.user_agent END
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS kept (email_log_uuid, fingerprint, event_data)
WHERE event.email_log_uuid = kept.email_log_uuid
  AND event.fingerprint = kept.fingerprint
