-- $1 the run, $2 the name, $3 mails or late.
INSERT INTO "prefix".aftersend_archive_objects (run_number, name, kind, state)
VALUES ($1, $2, $3, 'written')
RETURNING number
