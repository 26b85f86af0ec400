-- $1 a mail: its events, and its folded events by their fingerprints.
SELECT false AS folded, uuid AS key, event_type::text, event_data::text AS event_data, link_url::text,
       user_agent::text, ip_address::text, reject_reason::text, failure_reason::text,
       aftersend_fingerprint AS fingerprint
FROM "prefix".phoenix_kit_email_events
WHERE email_log_uuid = $1
UNION ALL
SELECT true, fingerprint, event_type::text, event_data::text, link_url::text, user_agent::text, ip_address::text,
       reject_reason::text, failure_reason::text, fingerprint
FROM "prefix".aftersend_folded_events
WHERE email_log_uuid = $1
