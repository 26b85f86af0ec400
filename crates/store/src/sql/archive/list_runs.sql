-- $1 how many: the last runs.
SELECT number, store, began_at, ended_at, objects, mails, events, late_events, bytes, removed_mails, unreadable_mails,
       first_unreadable, failure
FROM "prefix".aftersend_archive_runs
ORDER BY number DESC
LIMIT $1
