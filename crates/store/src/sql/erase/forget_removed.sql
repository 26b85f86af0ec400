-- $1 a mail: its events that step 137 removed.
DELETE FROM "prefix".aftersend_removed_events
WHERE email_log_uuid = $1
