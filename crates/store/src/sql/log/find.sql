-- $1 own ids of mails: which rows have them. message_id_uidx. No lock.
SELECT message_id::text AS message_id, uuid
FROM "prefix".phoenix_kit_email_logs
WHERE message_id = ANY($1)
