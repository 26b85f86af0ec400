-- $1 mails that are not as they went to the archive: due again, since no mail has so many events.
UPDATE "prefix".aftersend_archived_mails SET events = -1 WHERE email_log_uuid = ANY($1)
