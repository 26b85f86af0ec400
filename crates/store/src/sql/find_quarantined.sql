-- Two are enough to know that there is more than one.
SELECT uuid, octet_length(body)::bigint AS body_bytes, reason, feed, origin, times_received, first_received_at,
       last_received_at
FROM "prefix".aftersend_quarantine
WHERE uuid BETWEEN $1 AND $2
ORDER BY uuid
LIMIT 2
