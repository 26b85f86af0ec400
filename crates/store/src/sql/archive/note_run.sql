-- $1 the run, $2 to $9 what it has done so far. Not where it has ended.
UPDATE "prefix".aftersend_archive_runs
SET objects = $2, mails = $3, events = $4, late_events = $5, bytes = $6, removed_mails = $7, unreadable_mails = $8,
    first_unreadable = $9
WHERE number = $1
  AND ended_at IS NULL
