-- $1 a mail, locked, of which nothing but its row told that it went to somebody; $2 what that person is called from now on.
INSERT INTO "prefix".aftersend_recipients (email_log_uuid, address, listed)
VALUES ($1, $2, true)
ON CONFLICT (email_log_uuid, address) DO NOTHING
