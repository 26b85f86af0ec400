-- $1, $2 a range of events, $3 rows at most, $4 the longest JSON that can be read, in characters: those of which the
-- whole is kept, as this program keeps it. The row's time may be an earlier one of a repeat; in a row without a
-- fingerprint it may be anybody's.
SELECT uuid, email_log_uuid, CASE WHEN aftersend_fingerprint IS NOT NULL THEN occurred_at END AS occurred_at,
       event_data::text AS event_data
FROM "prefix".phoenix_kit_email_events
WHERE ($1::uuid IS NULL OR uuid > $1)
  AND ($2::uuid IS NULL OR uuid <= $2)
  AND event_data ?| ARRAY['eventType', 'notificationType']
  AND length(event_data::text) <= $4::bigint
ORDER BY uuid
LIMIT $3::bigint
