-- How many rows of the blocklist fit, up to $4: $1 a pattern for addresses or NULL, $2 a reason or NULL, $3 whether those count,
-- too, that have run out.
SELECT count(*) AS blocks
FROM (
    SELECT 1
    FROM "prefix".phoenix_kit_email_blocklist
    WHERE ($1::text IS NULL OR email ILIKE $1::text)
      AND ($2::text IS NULL OR reason = $2::text)
      AND ($3::boolean OR expires_at IS NULL OR expires_at > now())
    LIMIT $4
) AS fitting
