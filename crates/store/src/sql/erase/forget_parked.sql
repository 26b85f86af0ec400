-- $1 SES ids of mails that went to the person alone: tombstones, which keep away what comes late.
WITH gone AS (
    DELETE FROM "prefix".phoenix_kit_email_orphaned_events
    WHERE aws_message_id = ANY($1)
)
INSERT INTO "prefix".aftersend_ids AS ids (aws_message_id, state)
SELECT named.aws_message_id, 'erased'
FROM unnest($1::text[]) AS named (aws_message_id)
ORDER BY named.aws_message_id
ON CONFLICT (aws_message_id) DO NOTHING
