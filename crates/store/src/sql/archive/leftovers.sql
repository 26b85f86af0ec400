-- $1 the last one that was looked at, $2 how many. Objects that were begun and never proven, and those that were given up and
-- may still be there.
SELECT number, name
FROM "prefix".aftersend_archive_objects
WHERE number > $1
  AND (state = 'written' OR (state = 'abandoned' AND deleted_at IS NULL))
ORDER BY number
LIMIT $2
