-- $1 the last row seen, $2 how many: the next removed rows.
SELECT uuid
FROM "prefix".aftersend_removed_events
WHERE $1::uuid IS NULL OR uuid > $1
ORDER BY uuid
LIMIT $2::bigint
