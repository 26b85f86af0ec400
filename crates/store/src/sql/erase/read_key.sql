-- The key of the hashes, and whether anybody was erased. Until the end of the transaction nobody is erased: what it stores
-- of a person is there when that person's traces are looked for.
SELECT (SELECT key FROM "prefix".aftersend_keys WHERE name = 'erasure') AS key,
       EXISTS (SELECT FROM "prefix".aftersend_erased) AS is_any
