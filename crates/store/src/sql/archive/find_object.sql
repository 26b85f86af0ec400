-- $1 a name.
SELECT number, name, kind, state, mails, events, bytes, content_bytes, sha256, first_sent_at, last_sent_at, written_at,
       verified_at, failure
FROM "prefix".aftersend_archive_objects
WHERE name = $1
