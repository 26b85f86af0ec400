-- $1 hashes of addresses of people who were erased, $2 reasons: late events speak against them. As with blocks of
-- addresses, what is as strong stays.
UPDATE "prefix".aftersend_erased AS held
SET block_reason = wanted.reason, block_expires_at = NULL, blocked_at = now()
FROM unnest($1::bytea[], $2::text[], $3::int[]) AS wanted (address_hmac, reason, strength)
WHERE held.address_hmac = wanted.address_hmac
  AND (
      held.block_reason IS NULL
      OR held.block_expires_at IS NOT NULL
      OR CASE held.block_reason WHEN 'hard_bounce' THEN 1 WHEN 'complaint' THEN 2 ELSE 3 END < wanted.strength
  )
