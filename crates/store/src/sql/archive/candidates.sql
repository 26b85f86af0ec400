-- $1 before when mails were sent, $2 and $3 the last one that was looked at, if any, $4 mails at most. The next mails in
-- the order of sending, and whether each has not been archived as it is now, as far as its update time and the number of its
-- events tell. sent_at_idx, primary keys and email_log_uuid_idx.
WITH page AS MATERIALIZED (
    SELECT uuid, sent_at, updated_at, octet_length(body_full) AS body_bytes
    FROM "prefix".phoenix_kit_email_logs
    WHERE sent_at < $1
      AND sent_at > '-infinity'
      AND ($2::timestamptz IS NULL OR (sent_at >= $2 AND (sent_at, uuid) > ($2, $3::uuid)))
    ORDER BY sent_at, uuid
    LIMIT $4
)
SELECT page.uuid, page.sent_at, coalesce(page.body_bytes, stored.bytes, 0)::bigint AS body_bytes,
       archived.email_log_uuid IS NULL
       OR archived.mail_updated_at IS DISTINCT FROM page.updated_at
       OR archived.events <> (
           SELECT count(*)
           FROM "prefix".phoenix_kit_email_events AS event
           WHERE event.email_log_uuid = page.uuid
       ) + (
           SELECT count(*)
           FROM "prefix".aftersend_folded_events AS folded
           WHERE folded.email_log_uuid = page.uuid
       ) AS is_due
FROM page
LEFT JOIN "prefix".aftersend_archived_mails AS archived ON archived.email_log_uuid = page.uuid
LEFT JOIN "prefix".aftersend_bodies AS stored ON stored.email_log_uuid = page.uuid
ORDER BY page.sent_at, page.uuid
