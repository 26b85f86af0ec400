-- Blocks, never weakening one that is as strong: an application's own reason without an end is the strongest,
-- then a complaint, then a hard bounce, then whatever runs out. In the order of addresses; rows that would not
-- change are not even locked.
INSERT INTO "prefix".phoenix_kit_email_blocklist AS block (uuid, email, reason, expires_at, inserted_at, updated_at)
SELECT wanted.uuid, wanted.email, wanted.reason, NULL, now(), now()
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[]) AS wanted (uuid, email, reason, strength)
WHERE NOT EXISTS (
    SELECT FROM "prefix".phoenix_kit_email_blocklist AS held
    WHERE held.email = wanted.email
      AND held.expires_at IS NULL
      AND CASE held.reason WHEN 'hard_bounce' THEN 1 WHEN 'complaint' THEN 2 ELSE 3 END >= wanted.strength
)
ORDER BY wanted.email
ON CONFLICT (email) DO UPDATE
SET reason = excluded.reason, expires_at = NULL, updated_at = now()
WHERE block.expires_at IS NOT NULL
   OR CASE block.reason WHEN 'hard_bounce' THEN 1 WHEN 'complaint' THEN 2 ELSE 3 END
       < CASE excluded.reason WHEN 'hard_bounce' THEN 1 ELSE 2 END
