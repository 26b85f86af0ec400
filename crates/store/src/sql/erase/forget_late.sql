-- $1 mails in the archive that went to an erased person alone: what is late of them.
DELETE FROM "prefix".aftersend_late_events WHERE email_log_uuid = ANY($1)
