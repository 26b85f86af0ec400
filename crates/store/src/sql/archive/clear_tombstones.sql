-- $1 mails that are back: their tombstones.
DELETE FROM "prefix".aftersend_ids WHERE email_log_uuid = ANY($1) AND state = 'archived'
