-- $1 a mail, $2 a fingerprint, $3 rows at most, $4 the longest JSON that can be read, in characters: the folded events
-- behind that one, with their JSON where it is whole. The primary key.
SELECT email_log_uuid, fingerprint,
       -- A removed event has its row's time, which may be an application's.
       NULL::timestamptz AS occurred_at,
       CASE
           WHEN event_data ?| ARRAY['eventType', 'notificationType'] AND length(event_data::text) <= $4::bigint
           THEN event_data::text
       END AS event_data
FROM "prefix".aftersend_folded_events
WHERE $1::uuid IS NULL OR (email_log_uuid, fingerprint) > ($1, $2::uuid)
ORDER BY email_log_uuid, fingerprint
LIMIT $3::bigint
