-- $1 a mail from the archive that is another one here: nothing is known of it any more.
DELETE FROM "prefix".aftersend_archived_mails WHERE email_log_uuid = $1
