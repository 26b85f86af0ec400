-- $1 an object that was found in the archive, $2 mails or late, $3 to $9 what was read of it. Comes back with its number,
-- whether or not it was known.
INSERT INTO "prefix".aftersend_archive_objects AS object (
    run_number, name, kind, state, mails, events, bytes, content_bytes, sha256, first_sent_at, last_sent_at, verified_at
)
VALUES (0, $1, $2, 'verified', $3, $4, $5, $6, $7, $8, $9, now())
ON CONFLICT (name) DO UPDATE SET name = excluded.name
RETURNING number
