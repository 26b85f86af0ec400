-- $1 the uuid to begin below, $2 feed or NULL, $3 pattern for the reason or NULL, $4 uuids to choose from or NULL,
-- $5 rows at most. The uuid is of version 7, made when the message first came: its index is the order of time.
SELECT uuid, octet_length(body)::bigint AS body_bytes, reason, feed, origin, times_received, first_received_at,
       last_received_at
FROM "prefix".aftersend_quarantine
WHERE uuid < $1
  AND ($2::text IS NULL OR feed = $2)
  AND ($3::text IS NULL OR reason ILIKE $3)
  AND ($4::uuid[] IS NULL OR uuid = ANY ($4))
ORDER BY uuid DESC
LIMIT $5
