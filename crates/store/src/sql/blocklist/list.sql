-- A page of the blocklist by address: $1 the address to begin behind or NULL, $2 a pattern for addresses or NULL, $3 a
-- reason or NULL, $4 whether those are shown, too, that have run out, $5 rows at most. email_uidx.
SELECT email::text, reason::text, expires_at, user_uuid, inserted_at, updated_at,
       expires_at IS NULL OR expires_at > now() AS holds
FROM "prefix".phoenix_kit_email_blocklist
WHERE ($1::text IS NULL OR email > $1::text)
  AND ($2::text IS NULL OR email ILIKE $2::text)
  AND ($3::text IS NULL OR reason = $3::text)
  AND ($4::boolean OR expires_at IS NULL OR expires_at > now())
ORDER BY email
LIMIT $5
