-- $1 the run, $2 to $7 what it did, $8 why it ended early, $9 up to when mails were
-- sent that have been gone through, $10 whether it went through all of them, $11 how many mails could not be read and $12 the
-- first of them.
UPDATE "prefix".aftersend_archive_runs
SET ended_at = now(), objects = $2, mails = $3, events = $4, late_events = $5, bytes = $6, removed_mails = $7, failure = $8,
    walked_below = $9, is_whole = $10, unreadable_mails = $11, first_unreadable = $12
WHERE number = $1
