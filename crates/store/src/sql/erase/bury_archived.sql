-- $1 SES ids, $2 their mails, $3 all of these: mails in the archive that went to an erased person alone. Their tombstones say so from now on,
-- those of their other ids as well, also where none stood yet. A mail that SES never knew has one under an id that is none of
-- SES's, or nothing would tell that it was erased. An id that leads to a mail here stays. In the order of ids.
INSERT INTO "prefix".aftersend_ids AS ids (aws_message_id, email_log_uuid, state)
SELECT DISTINCT ON (named.aws_message_id) named.aws_message_id, named.email_log_uuid, 'erased'
FROM (
    SELECT * FROM unnest($1::text[], $2::uuid[]) AS told (aws_message_id, email_log_uuid)
    UNION ALL
    SELECT held.aws_message_id, held.email_log_uuid
    FROM "prefix".aftersend_ids AS held
    WHERE held.email_log_uuid = ANY($3)
      AND held.state = 'archived'
    UNION ALL
    SELECT 'erased:' || mail.uuid, mail.uuid
    FROM unnest($3) AS mail (uuid)
    WHERE mail.uuid <> ALL($2)
      AND NOT EXISTS (SELECT FROM "prefix".aftersend_ids AS held WHERE held.email_log_uuid = mail.uuid)
      AND NOT EXISTS (SELECT FROM "prefix".phoenix_kit_email_logs AS here WHERE here.uuid = mail.uuid)
) AS named
WHERE NOT EXISTS (
    SELECT FROM "prefix".phoenix_kit_email_logs AS mail WHERE mail.aws_message_id = named.aws_message_id
)
ORDER BY named.aws_message_id
ON CONFLICT (aws_message_id) DO UPDATE
SET state = excluded.state
WHERE ids.state IN ('archived', 'deleted')
RETURNING email_log_uuid
