-- Other mails of a mail's template, those sent nearest to it first: $1 the mail, $2 and $3 from when to when, $4 rows at most,
-- $5 the template, $6 when the mail was sent, $7 how many mails to look at on either side of it, by sent_at_idx. Where
-- that finds too few, $8 how many to look up by template_name_idx: it is rare then, or was used at other times.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
WITH near AS MATERIALIZED (
    (
        SELECT uuid, sent_at
        FROM (
            SELECT uuid, sent_at, template_name
            FROM "prefix".phoenix_kit_email_logs
            WHERE sent_at BETWEEN $2 AND $6
            ORDER BY sent_at DESC
            LIMIT $7
        ) AS before
        WHERE template_name = $5::text AND uuid <> $1
        LIMIT $4
    )
    UNION ALL
    (
        SELECT uuid, sent_at
        FROM (
            SELECT uuid, sent_at, template_name
            FROM "prefix".phoenix_kit_email_logs
            WHERE sent_at > $6 AND sent_at <= $3
            ORDER BY sent_at
            LIMIT $7
        ) AS after
        WHERE template_name = $5::text AND uuid <> $1
        LIMIT $4
    )
),

others AS MATERIALIZED (
    SELECT uuid, sent_at
    FROM "prefix".phoenix_kit_email_logs
    WHERE template_name = $5::text AND (SELECT count(*) FROM near) < $4
    LIMIT $8
),

nearest AS MATERIALIZED (
    SELECT uuid
    FROM (SELECT uuid, sent_at FROM near UNION SELECT uuid, sent_at FROM others) AS found
    WHERE uuid <> $1 AND sent_at BETWEEN $2 AND $3
    ORDER BY abs(extract(EPOCH FROM sent_at - $6::timestamptz)), uuid
    LIMIT $4
)

SELECT mail.uuid, mail.message_id::text, mail.aws_message_id, mail."to"::text, mail."from"::text, mail.subject::text,
       mail.template_name, mail.campaign_id::text, mail.status, mail.sent_at
FROM nearest
JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = nearest.uuid
ORDER BY abs(extract(EPOCH FROM mail.sent_at - $6::timestamptz)), mail.uuid
