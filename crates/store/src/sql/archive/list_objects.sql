-- $1 the object to go on before, if any, $2 how many: the last objects.
SELECT number, name, kind, state, mails, events, bytes, content_bytes, sha256, first_sent_at, last_sent_at, written_at,
       verified_at, failure
FROM "prefix".aftersend_archive_objects
WHERE $1::bigint IS NULL OR number < $1
ORDER BY number DESC
LIMIT $2
