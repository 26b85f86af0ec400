-- $1 archived mails whose own ids are made of the person's address: nobody finds them by that any more.
UPDATE "prefix".aftersend_archived_mails SET message_id = NULL WHERE email_log_uuid = ANY($1)
