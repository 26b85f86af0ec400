-- $1 seconds that it is kept, $2 and $3 the mail and the fingerprint of the last folded event that was looked at, $4 rows at
-- most, $5 whether their JSON goes, else where they came from. By primary key: there are few, and what is done is passed
-- over.
SELECT email_log_uuid, fingerprint, event_type::text, event_data::text AS event_data,
       ip_address IS NOT NULL OR user_agent IS NOT NULL AS has_address
FROM "prefix".aftersend_folded_events
WHERE occurred_at < now() - make_interval(secs => $1)
  AND (email_log_uuid, fingerprint) > ($2, $3)
  AND CASE WHEN $5::boolean THEN NOT event_data ? 'aftersend' ELSE ip_address IS NOT NULL OR user_agent IS NOT NULL END
ORDER BY email_log_uuid, fingerprint
LIMIT $4
