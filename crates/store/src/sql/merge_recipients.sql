-- Recipients as a batch's events tell of them, each mail and address once, merged into what is known: the earliest time
-- of each state, least() passing over NULL. What would not change is left out beforehand, since ON CONFLICT writes a lock
-- into the row also where nothing is updated. Nobody else writes these rows: their mails are locked, and what the last
-- batch committed is seen by this statement's snapshot.
INSERT INTO "prefix".aftersend_recipients AS held (
    email_log_uuid, address, listed, delayed_at, soft_bounced_at, bounced_at, delivered_at, possibly_complained_at,
    not_tried_at, hard_bounced_at, failed_at, rejected_at, complained_at
)
SELECT told.*
FROM unnest(
    $1::uuid[], $2::text[], $3::boolean[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[],
    $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[]
) AS told (
    email_log_uuid, address, listed, delayed_at, soft_bounced_at, bounced_at, delivered_at, possibly_complained_at,
    not_tried_at, hard_bounced_at, failed_at, rejected_at, complained_at
)
WHERE NOT EXISTS (
    SELECT
    FROM "prefix".aftersend_recipients AS known
    WHERE known.email_log_uuid = told.email_log_uuid
      AND known.address = told.address
      AND (known.listed OR NOT told.listed)
      AND least(known.delayed_at, told.delayed_at) IS NOT DISTINCT FROM known.delayed_at
      AND least(known.soft_bounced_at, told.soft_bounced_at) IS NOT DISTINCT FROM known.soft_bounced_at
      AND least(known.bounced_at, told.bounced_at) IS NOT DISTINCT FROM known.bounced_at
      AND least(known.delivered_at, told.delivered_at) IS NOT DISTINCT FROM known.delivered_at
      AND least(known.possibly_complained_at, told.possibly_complained_at)
          IS NOT DISTINCT FROM known.possibly_complained_at
      AND least(known.not_tried_at, told.not_tried_at) IS NOT DISTINCT FROM known.not_tried_at
      AND least(known.hard_bounced_at, told.hard_bounced_at) IS NOT DISTINCT FROM known.hard_bounced_at
      AND least(known.failed_at, told.failed_at) IS NOT DISTINCT FROM known.failed_at
      AND least(known.rejected_at, told.rejected_at) IS NOT DISTINCT FROM known.rejected_at
      AND least(known.complained_at, told.complained_at) IS NOT DISTINCT FROM known.complained_at
)
ORDER BY told.email_log_uuid, told.address
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
RETURNING email_log_uuid
