-- $1 the object, $2 why it could not be written or proven.
UPDATE "prefix".aftersend_archive_objects SET failure = $2 WHERE number = $1 AND state = 'written'
