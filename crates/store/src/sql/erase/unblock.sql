-- $1 the hash of an address: an erased person is blocked no longer.
UPDATE "prefix".aftersend_erased AS held
SET block_reason = NULL, block_expires_at = NULL, blocked_at = NULL
FROM (
    SELECT address_hmac, block_reason, block_expires_at, blocked_at
    FROM "prefix".aftersend_erased
    WHERE address_hmac = $1 AND block_reason IS NOT NULL
    FOR UPDATE
) AS gone
WHERE held.address_hmac = gone.address_hmac
RETURNING gone.block_reason AS reason, gone.block_expires_at AS expires_at, gone.blocked_at,
          gone.block_expires_at IS NULL OR gone.block_expires_at > now() AS holds
