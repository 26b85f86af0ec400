-- As list_quarantine, with the bodies, and no row more once those before it have $6 bytes: lengths are known without
-- reading the bodies, so what is not wanted is never read. The first row always comes.
SELECT uuid, body, body_bytes, reason, feed, origin, times_received, first_received_at, last_received_at
FROM (
    SELECT page.*, sum(body_bytes) OVER (ORDER BY uuid DESC ROWS UNBOUNDED PRECEDING) - body_bytes AS bytes_before
    FROM (
        SELECT uuid, body, octet_length(body)::bigint AS body_bytes, reason, feed, origin, times_received,
               first_received_at, last_received_at
        FROM "prefix".aftersend_quarantine
        WHERE uuid < $1
          AND ($2::text IS NULL OR feed = $2)
          AND ($3::text IS NULL OR reason ILIKE $3)
          AND ($4::uuid[] IS NULL OR uuid = ANY ($4))
        ORDER BY uuid DESC
        LIMIT $5
    ) AS page
) AS measured
WHERE bytes_before < $6::bigint
ORDER BY uuid DESC
