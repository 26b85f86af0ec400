-- $1 before when mails were sent, $2 and $3 the last one that was looked at, if any, $4 mails at most. Of the next mails in the
-- order of sending: how many they are, the bytes of their bodies, how many of them are in the archive, whether or not they
-- have changed since, and the first and the last of them. sent_at_idx, and primary keys.
WITH page AS MATERIALIZED (
    SELECT uuid, sent_at, octet_length(body_full) AS body_bytes
    FROM "prefix".phoenix_kit_email_logs
    WHERE sent_at < $1
      AND sent_at > '-infinity'
      AND ($2::timestamptz IS NULL OR (sent_at >= $2 AND (sent_at, uuid) > ($2, $3::uuid)))
    ORDER BY sent_at, uuid
    LIMIT $4
)
SELECT count(*) AS mails, coalesce(sum(coalesce(page.body_bytes, stored.bytes)), 0)::bigint AS body_bytes,
       count(archived.email_log_uuid) AS archived, min(page.sent_at) AS first_sent_at, max(page.sent_at) AS last_sent_at,
       (SELECT uuid FROM page ORDER BY sent_at DESC, uuid DESC LIMIT 1) AS last_uuid
FROM page
LEFT JOIN "prefix".aftersend_archived_mails AS archived ON archived.email_log_uuid = page.uuid
LEFT JOIN "prefix".aftersend_bodies AS stored ON stored.email_log_uuid = page.uuid
