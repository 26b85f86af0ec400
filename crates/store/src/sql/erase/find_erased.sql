-- $1 hashes of addresses: whose they are of those who were erased.
SELECT address_hmac, erased_at
FROM "prefix".aftersend_erased
WHERE address_hmac = ANY($1)
