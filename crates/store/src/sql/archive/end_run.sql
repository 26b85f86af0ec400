-- $1 the run, $2 to $9 what it did, $10 why it ended early, $11 up to when mails were sent that have been gone through, $12
-- whether it went through all of them.
UPDATE "prefix".aftersend_archive_runs
SET ended_at = now(), objects = $2, mails = $3, events = $4, late_events = $5, bytes = $6, removed_mails = $7,
    unreadable_mails = $8, first_unreadable = $9, failure = $10, walked_below = $11, is_whole = $12
WHERE number = $1
