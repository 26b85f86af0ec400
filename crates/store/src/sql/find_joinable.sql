-- $1 the last SES id that was looked at, $2 how many ids, $3 seconds that events wait for their mail. Of the next ids
-- with parked events those whose mail is here by now, or in the archive, or was removed on purpose, and those that have
-- waited for long enough; and how far that went. Each id is looked up by itself, by the index of each table: lateral and
-- limited, so that no plan reads the mails whole.
WITH page AS MATERIALIZED (
    SELECT aws_message_id, min(received_at) AS received_at
    FROM "prefix".phoenix_kit_email_orphaned_events
    WHERE aws_message_id > $1
      AND aftersend_fingerprint IS NOT NULL
    GROUP BY aws_message_id
    ORDER BY aws_message_id
    LIMIT $2
), joinable AS (
    SELECT page.aws_message_id, known.is_known,
           page.received_at <= now() - make_interval(secs => $3) AS has_waited
    FROM page
    LEFT JOIN LATERAL (
        SELECT true AS is_known
        FROM (
            (SELECT 1 FROM "prefix".phoenix_kit_email_logs AS mail WHERE mail.aws_message_id = page.aws_message_id LIMIT 1)
            UNION ALL
            (
                SELECT 1
                FROM "prefix".phoenix_kit_email_logs AS mail
                WHERE mail.message_id = page.aws_message_id AND mail.aws_message_id IS NULL
                LIMIT 1
            )
            UNION ALL
            (
                SELECT 1
                FROM "prefix".aftersend_ids AS ids
                LEFT JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = ids.email_log_uuid
                WHERE ids.aws_message_id = page.aws_message_id
                  AND (mail.uuid IS NOT NULL OR ids.state IN ('archived', 'deleted', 'erased'))
                LIMIT 1
            )
        ) AS way
        LIMIT 1
    ) AS known ON true
)
SELECT looked_at.ids, looked_at.last::text AS last, joinable.aws_message_id::text AS aws_message_id,
       joinable.has_waited
FROM (SELECT count(*) AS ids, max(aws_message_id) AS last FROM page) AS looked_at
LEFT JOIN joinable ON joinable.is_known OR joinable.has_waited
ORDER BY joinable.aws_message_id
