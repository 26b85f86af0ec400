-- A page of the mails to an address, newest first: $1 the address, $2 its spellings in the column of a mail that only its
-- row tells of, $3 and $4 the place to begin below, $5 how many mails to look up by the address: the newest, $6 rows at
-- most. aftersend_recipients_address_idx and to_sent_at_idx, then the mails by their keys.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
SELECT mail.uuid, mail.message_id::text, mail.aws_message_id, mail."to"::text, mail."from"::text, mail.subject::text,
       mail.template_name, mail.campaign_id::text, mail.status, mail.sent_at,
       recipient.address, recipient.listed, recipient.delayed_at, recipient.soft_bounced_at, recipient.bounced_at,
       recipient.delivered_at, recipient.possibly_complained_at, recipient.not_tried_at, recipient.hard_bounced_at,
       recipient.failed_at, recipient.rejected_at, recipient.complained_at
FROM (
    (
        SELECT email_log_uuid AS uuid
        FROM "prefix".aftersend_recipients
        WHERE address = $1::text
        ORDER BY email_log_uuid DESC
        LIMIT $5
    )
    UNION
    (
        SELECT uuid
        FROM "prefix".phoenix_kit_email_logs
        WHERE "to" = ANY($2::text[]) AND (sent_at, uuid) < ($3, $4)
        ORDER BY sent_at DESC, uuid DESC
        LIMIT $6
    )
) AS found
JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = found.uuid
LEFT JOIN "prefix".aftersend_recipients AS recipient
    ON recipient.email_log_uuid = mail.uuid AND recipient.address = $1::text
WHERE (mail.sent_at, mail.uuid) < ($3, $4)
ORDER BY mail.sent_at DESC, mail.uuid DESC
LIMIT $6
