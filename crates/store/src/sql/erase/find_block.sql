-- $1 the hash of an address: the block that an erased person has.
SELECT block_reason AS reason, block_expires_at AS expires_at, blocked_at,
       block_expires_at IS NULL OR block_expires_at > now() AS holds
FROM "prefix".aftersend_erased
WHERE address_hmac = $1
  AND block_reason IS NOT NULL
