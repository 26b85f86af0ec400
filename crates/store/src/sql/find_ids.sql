-- $1 texts that may be ids, $2 the same as uuids where they are such: which mails they are ids of, by the text's number.
-- The unique indexes on each kind of id.
SELECT asked.number, found.uuid
FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS asked (id, uuid, number)
CROSS JOIN LATERAL (
    SELECT mail.uuid FROM "prefix".phoenix_kit_email_logs AS mail WHERE mail.uuid = asked.uuid
    UNION
    SELECT mail.uuid FROM "prefix".phoenix_kit_email_logs AS mail WHERE mail.message_id = asked.id
    UNION
    SELECT mail.uuid FROM "prefix".phoenix_kit_email_logs AS mail WHERE mail.aws_message_id = asked.id
    UNION
    SELECT ids.email_log_uuid FROM "prefix".aftersend_ids AS ids WHERE ids.aws_message_id = asked.id
) AS found (uuid)
WHERE found.uuid IS NOT NULL
