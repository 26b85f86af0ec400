-- Messages that can't be read or stored, each body once however often it comes. In the order of their hashes.
INSERT INTO "prefix".aftersend_quarantine AS held (body_sha256, uuid, body, reason, feed, origin, times_received)
SELECT body_sha256, uuid, body, reason, feed, origin, times_received
FROM unnest($1::bytea[], $2::uuid[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::bigint[])
    AS poison (body_sha256, uuid, body, reason, feed, origin, times_received)
ORDER BY body_sha256
ON CONFLICT (body_sha256) DO UPDATE
SET times_received = held.times_received + excluded.times_received, last_received_at = now()
