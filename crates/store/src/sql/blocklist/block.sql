-- Blocks that a person asks for, each address once, in the order of addresses; what is stronger stays. Of what has an end
-- the later one is the stronger, and weaker than anything without; among those a hard bounce, then a complaint, then a
-- reason of a person's or an application's own, as in block_addresses.sql. What has run out is as good as not there.
-- Comes back what was written, and whether there was no row before.
INSERT INTO "prefix".phoenix_kit_email_blocklist AS block
    (uuid, email, reason, expires_at, user_uuid, inserted_at, updated_at)
SELECT wanted.uuid, wanted.email, wanted.reason, wanted.expires_at, wanted.user_uuid, now(), now()
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::uuid[])
    AS wanted (uuid, email, reason, expires_at, user_uuid)
ORDER BY wanted.email
ON CONFLICT (email) DO UPDATE
SET reason = excluded.reason, expires_at = excluded.expires_at, user_uuid = excluded.user_uuid, updated_at = now()
WHERE block.expires_at <= now()
   OR (
       (block.reason, block.expires_at) IS DISTINCT FROM (excluded.reason, excluded.expires_at)
       AND CASE
               WHEN excluded.expires_at IS NULL AND block.expires_at IS NULL THEN
                   CASE excluded.reason WHEN 'hard_bounce' THEN 1 WHEN 'complaint' THEN 2 ELSE 3 END
                   >= CASE block.reason WHEN 'hard_bounce' THEN 1 WHEN 'complaint' THEN 2 ELSE 3 END
               ELSE coalesce(excluded.expires_at, 'infinity') >= coalesce(block.expires_at, 'infinity')
           END
   )
RETURNING email::text, xmax = 0 AS is_new
