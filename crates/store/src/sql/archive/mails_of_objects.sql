-- $1 an object: which mails it has, as far as is known here, with their digests. aftersend_archived_mails_object_idx.
SELECT email_log_uuid, digest
FROM "prefix".aftersend_archived_mails
WHERE object_number = $1
