-- $1 own ids of mails: those of mails that are in the archive and not here. aftersend_archived_mails_message_id_idx. No lock.
SELECT message_id
FROM "prefix".aftersend_archived_mails
WHERE message_id = ANY($1)
  AND removed_at IS NOT NULL
