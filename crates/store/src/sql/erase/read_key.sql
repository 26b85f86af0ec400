-- The key of the hashes, and whether anybody was erased. Until the end of the transaction nobody is erased: what it stores
-- of a person is there when that person's traces are looked for.
SELECT (SELECT secret FROM "prefix".aftersend_secrets WHERE name = 'erasure') AS secret,
       EXISTS (SELECT FROM "prefix".aftersend_erased) AS is_any
