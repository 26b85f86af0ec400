-- $1 mails that are about to go: the rows that step 137 removed from them went to the archive, too.
DELETE FROM "prefix".aftersend_removed_events WHERE email_log_uuid = ANY($1)
