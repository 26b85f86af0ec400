-- $1 the object, $2 to $8 what was read back of it. Nothing comes back where another runner has given it up meanwhile.
UPDATE "prefix".aftersend_archive_objects
SET state = 'verified', verified_at = now(), mails = $2, events = $3, bytes = $4, content_bytes = $5, sha256 = $6,
    first_sent_at = $7, last_sent_at = $8, failure = NULL
WHERE number = $1
  AND state = 'written'
RETURNING number
