-- $1 a pattern: blocks whose address may be the person's.
SELECT email::text
FROM "prefix".phoenix_kit_email_blocklist
WHERE email ILIKE $1
