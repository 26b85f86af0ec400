-- $1 mails, locked, that are about to go; $2 why: deleted or erased. Their SES ids stay as tombstones, so that no late event
-- brings them back. In the order of ids.
INSERT INTO "prefix".aftersend_ids AS ids (aws_message_id, email_log_uuid, state)
SELECT DISTINCT ON (named.aws_message_id) named.aws_message_id, named.uuid, $2::text
FROM (
    SELECT mail.aws_message_id::text AS aws_message_id, mail.uuid
    FROM "prefix".phoenix_kit_email_logs AS mail
    WHERE mail.uuid = ANY($1) AND mail.aws_message_id IS NOT NULL
    UNION ALL
    SELECT held.aws_message_id, held.email_log_uuid
    FROM "prefix".aftersend_ids AS held
    WHERE held.email_log_uuid = ANY($1)
) AS named
ORDER BY named.aws_message_id
ON CONFLICT (aws_message_id) DO UPDATE
SET email_log_uuid = excluded.email_log_uuid, state = excluded.state
