-- $1 the last id that was looked at; $2 rows at most: the primary key.
SELECT id, packed, bytes
FROM "prefix".aftersend_body_dictionaries
WHERE id > $1
ORDER BY id
LIMIT $2
