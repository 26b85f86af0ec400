-- Other mails of a mail's campaign, those sent nearest to it first: $1 the mail, $2 and $3 from when to when, $4 rows at most,
-- $5 the campaign, $6 when the mail was sent. As many are looked up on either side.
-- sent_at_idx where the campaign is common, campaign_id_idx where it is rare: planned anew each time, for the very value.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
SELECT mail.uuid, mail.message_id::text, mail.aws_message_id, mail."to"::text, mail."from"::text, mail.subject::text,
       mail.template_name, mail.campaign_id::text, mail.status, mail.sent_at
FROM (
    (
        SELECT uuid, message_id, aws_message_id, "to", "from", subject, template_name, campaign_id, status, sent_at
        FROM "prefix".phoenix_kit_email_logs
        WHERE campaign_id = $5::text
          AND uuid <> $1
          AND sent_at BETWEEN $2 AND $6
        ORDER BY sent_at DESC, uuid DESC
        LIMIT $4
    )
    UNION ALL
    (
        SELECT uuid, message_id, aws_message_id, "to", "from", subject, template_name, campaign_id, status, sent_at
        FROM "prefix".phoenix_kit_email_logs
        WHERE campaign_id = $5::text
          AND uuid <> $1
          AND sent_at > $6
          AND sent_at <= $3
        ORDER BY sent_at, uuid
        LIMIT $4
    )
) AS mail
ORDER BY abs(extract(EPOCH FROM mail.sent_at - $6::timestamptz)), mail.uuid
LIMIT $4
