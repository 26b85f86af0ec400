-- $1 before when mails were sent, $2 the last key that was looked at, $3 mails at most: mails that were made late, after others
-- of their time had been gone through. Keys begin with the time at which they were made. Primary keys.
WITH page AS MATERIALIZED (
    SELECT uuid, sent_at, octet_length(body_full) AS body_bytes
    FROM "prefix".phoenix_kit_email_logs
    WHERE uuid > $2
    ORDER BY uuid
    LIMIT $3
)
SELECT page.uuid, CASE WHEN isfinite(page.sent_at) THEN page.sent_at END AS sent_at, false AS is_gone,
       coalesce(page.body_bytes, stored.bytes, 0)::bigint AS body_bytes,
       page.sent_at < $1 AND page.sent_at > '-infinity' AND archived.email_log_uuid IS NULL AS is_due
FROM page
LEFT JOIN "prefix".aftersend_archived_mails AS archived ON archived.email_log_uuid = page.uuid
LEFT JOIN "prefix".aftersend_bodies AS stored ON stored.email_log_uuid = page.uuid
ORDER BY page.uuid
