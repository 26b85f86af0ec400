-- $1 mails that hold their bodies themselves.
DELETE FROM "prefix".aftersend_bodies WHERE email_log_uuid = ANY ($1)
