-- $1 mails, locked and noted. Their events, folded events and recipients go with them.
DELETE FROM "prefix".phoenix_kit_email_logs WHERE uuid = ANY($1)
