-- $1 mails, $2 an address, normalised, or nothing: to how many each of them went, and what became of it for that address; for
-- nothing, what became of it for its only recipient. The primary key alone.
SELECT asked.uuid, counted.listed_count, one.address, one.listed, one.delayed_at, one.soft_bounced_at, one.bounced_at,
       one.delivered_at, one.possibly_complained_at, one.not_tried_at, one.hard_bounced_at, one.failed_at, one.rejected_at,
       one.complained_at
FROM unnest($1::uuid[]) AS asked (uuid)
CROSS JOIN LATERAL (
    SELECT count(*) AS listed_count
    FROM "prefix".aftersend_recipients AS known
    WHERE known.email_log_uuid = asked.uuid AND known.listed
) AS counted
LEFT JOIN "prefix".aftersend_recipients AS one
    ON one.email_log_uuid = asked.uuid
   AND (one.address = $2::text OR ($2::text IS NULL AND one.listed AND counted.listed_count = 1))
