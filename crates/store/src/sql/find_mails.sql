-- $1 SES ids. aws_message_id_uidx, and the primary key of aftersend_ids. No lock: what is missing is made before any
-- row is locked, so that nobody waits for a new row while holding an old one.
-- An id beside the column's may outlive its mail, and then leads nowhere.
SELECT aws_message_id::text AS aws_message_id, uuid, 'column' AS state, true AS is_there, false AS is_made
FROM "prefix".phoenix_kit_email_logs
WHERE aws_message_id = ANY($1)
UNION ALL
SELECT ids.aws_message_id, ids.email_log_uuid, ids.state, mail.uuid IS NOT NULL,
       ids.state = 'created' AND mail.aftersend_derived IS TRUE
FROM "prefix".aftersend_ids AS ids
LEFT JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = ids.email_log_uuid
WHERE ids.aws_message_id = ANY($1)
