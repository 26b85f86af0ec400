-- $1 an object that nobody proved: from here on nobody can. Nothing comes back where somebody has.
UPDATE "prefix".aftersend_archive_objects
SET state = 'abandoned'
WHERE number = $1
  AND (state = 'written' OR (state = 'abandoned' AND deleted_at IS NULL))
RETURNING number
