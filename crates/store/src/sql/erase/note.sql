-- $1 the hash of a person's address, $2 blocks of that person: erased from now on, and blocked as strongly as before.
WITH gone AS (
    DELETE FROM "prefix".phoenix_kit_email_blocklist
    WHERE email = ANY($2)
    RETURNING reason::text AS reason, expires_at, inserted_at
), strongest AS (
    SELECT *
    FROM gone
    ORDER BY expires_at DESC NULLS FIRST
    LIMIT 1
)
INSERT INTO "prefix".aftersend_erased AS held (address_hmac, erased_at, block_reason, block_expires_at, blocked_at)
SELECT person.address_hmac, clock_timestamp(), strongest.reason, strongest.expires_at, strongest.inserted_at
FROM (SELECT $1::bytea AS address_hmac) AS person
LEFT JOIN strongest ON true
ON CONFLICT (address_hmac) DO UPDATE
SET erased_at = excluded.erased_at,
    block_reason = coalesce(excluded.block_reason, held.block_reason),
    block_expires_at = CASE WHEN excluded.block_reason IS NULL THEN held.block_expires_at ELSE excluded.block_expires_at END,
    blocked_at = coalesce(excluded.blocked_at, held.blocked_at)
