-- $1 a mail that is about to go, $2 the one that it was, both locked: the earliest time of each state, and whether the mail
-- went there by anybody's word. In the order of addresses, by primary key.
INSERT INTO "prefix".aftersend_recipients AS held (
    email_log_uuid, address, listed, delayed_at, soft_bounced_at, bounced_at, delivered_at, possibly_complained_at,
    not_tried_at, hard_bounced_at, failed_at, rejected_at, complained_at
)
SELECT $2::uuid, address, listed, delayed_at, soft_bounced_at, bounced_at, delivered_at, possibly_complained_at,
       not_tried_at, hard_bounced_at, failed_at, rejected_at, complained_at
FROM "prefix".aftersend_recipients
WHERE email_log_uuid = $1
ORDER BY address
ON CONFLICT (email_log_uuid, address) DO UPDATE
SET listed = held.listed OR excluded.listed,
    delayed_at = least(held.delayed_at, excluded.delayed_at),
    soft_bounced_at = least(held.soft_bounced_at, excluded.soft_bounced_at),
    bounced_at = least(held.bounced_at, excluded.bounced_at),
    delivered_at = least(held.delivered_at, excluded.delivered_at),
    possibly_complained_at = least(held.possibly_complained_at, excluded.possibly_complained_at),
    not_tried_at = least(held.not_tried_at, excluded.not_tried_at),
    hard_bounced_at = least(held.hard_bounced_at, excluded.hard_bounced_at),
    failed_at = least(held.failed_at, excluded.failed_at),
    rejected_at = least(held.rejected_at, excluded.rejected_at),
    complained_at = least(held.complained_at, excluded.complained_at)
