-- $1 a mail, locked, $2 recipients of its, $3 what they are called from now on, each once. What befell them stays.
WITH gone AS (
    DELETE FROM "prefix".aftersend_recipients
    WHERE email_log_uuid = $1 AND address = ANY($2::text[])
    RETURNING *
)
INSERT INTO "prefix".aftersend_recipients AS held (
    email_log_uuid, address, listed, delayed_at, soft_bounced_at, bounced_at, delivered_at, possibly_complained_at,
    not_tried_at, hard_bounced_at, failed_at, rejected_at, complained_at
)
SELECT gone.email_log_uuid, named.new, gone.listed, gone.delayed_at, gone.soft_bounced_at, gone.bounced_at,
       gone.delivered_at, gone.possibly_complained_at, gone.not_tried_at, gone.hard_bounced_at, gone.failed_at,
       gone.rejected_at, gone.complained_at
FROM gone
JOIN unnest($2::text[], $3::text[]) AS named (old, new) ON named.old = gone.address
ORDER BY named.new
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
