-- $1 the mail, $2 rows at most. The primary key; those that the mail went to first.
SELECT address, listed, delayed_at, soft_bounced_at, bounced_at, delivered_at, possibly_complained_at, not_tried_at,
       hard_bounced_at, failed_at, rejected_at, complained_at
FROM "prefix".aftersend_recipients
WHERE email_log_uuid = $1
ORDER BY listed DESC, address
LIMIT $2
