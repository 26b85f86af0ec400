-- $1 an object that was given up, and is not there any more.
UPDATE "prefix".aftersend_archive_objects SET deleted_at = now() WHERE number = $1 AND state = 'abandoned'
