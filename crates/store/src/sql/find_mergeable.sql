-- $1 the last SES id that was looked at, $2 how many ids. Of the next mails that were made from events, with their ids
-- beside the column, those that an application has logged after all; and how far that went. aftersend_ids_created_idx.
WITH page AS MATERIALIZED (
    SELECT aws_message_id, email_log_uuid
    FROM "prefix".aftersend_ids
    WHERE state = 'created'
      AND aws_message_id > $1
    ORDER BY aws_message_id
    LIMIT $2
)
SELECT looked_at.ids, looked_at.last, mergeable.aws_message_id, mergeable.created
FROM (SELECT count(*) AS ids, max(aws_message_id) AS last FROM page) AS looked_at
LEFT JOIN (
    SELECT page.aws_message_id, page.email_log_uuid AS created
    FROM page
    JOIN LATERAL (
        SELECT true AS is_logged
        FROM (
            (
                SELECT 1
                FROM "prefix".phoenix_kit_email_logs AS mail
                WHERE mail.aws_message_id = page.aws_message_id AND mail.uuid <> page.email_log_uuid
                LIMIT 1
            )
            UNION ALL
            (
                SELECT 1
                FROM "prefix".phoenix_kit_email_logs AS mail
                WHERE mail.message_id = page.aws_message_id
                  AND mail.aws_message_id IS NULL
                  AND mail.uuid <> page.email_log_uuid
                LIMIT 1
            )
        ) AS way
        LIMIT 1
    ) AS logged ON true
) AS mergeable ON true
ORDER BY mergeable.aws_message_id
