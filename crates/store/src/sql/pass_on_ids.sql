-- $1 a mail that is about to go, $2 the one that it was: its SES ids lead there from now on.
UPDATE "prefix".aftersend_ids
SET email_log_uuid = $2, state = 'alias'
WHERE email_log_uuid = $1
