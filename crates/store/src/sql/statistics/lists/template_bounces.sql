-- Why mails of a template bounced, the commonest reasons first: $1 and $2 between when its mails were sent, $3 the template,
-- $4 until when bounces are looked at, $5 how many bounces of each table at most, of all templates: the newest, $6 rows at most;
-- by kind, by SES's subtype and by the enhanced status code that the server gave (RFC 3463). Each recipient that a bounce names
-- counts. A row at least tells how many were looked at.
-- The indexes of events by type and time, then the mails and what was reported of them by their keys.
WITH event AS MATERIALIZED (
    (
        SELECT email_log_uuid, uuid, bounce_type AS kind, aftersend_subtype AS own_subtype, false AS is_folded
        FROM "prefix".phoenix_kit_email_events
        WHERE event_type = 'bounce' AND occurred_at >= $1 AND occurred_at < $4
        ORDER BY occurred_at DESC
        LIMIT $5
    )
    UNION ALL
    (
        SELECT email_log_uuid, uuid, bounce_type, subtype, true
        FROM "prefix".aftersend_folded_events
        WHERE event_type = 'bounce' AND occurred_at >= $1 AND occurred_at < $4
        ORDER BY occurred_at DESC
        LIMIT $5
    )
),
reason AS (
    SELECT bounce.kind, bounce.subtype,
           coalesce(
               named.recipient->>'status',
               substring(named.recipient->>'diagnosticCode' FROM '[245]\.\d{1,3}\.\d{1,3}')
           ) AS code,
           count(*) AS bounces
    FROM event
    JOIN "prefix".phoenix_kit_email_logs AS mail
        ON mail.uuid = event.email_log_uuid
        AND mail.template_name = $3::text
        AND mail.sent_at >= $1
        AND mail.sent_at < $2
    CROSS JOIN LATERAL (
        SELECT one.event_data
        FROM "prefix".phoenix_kit_email_events AS one
        WHERE one.uuid = event.uuid AND NOT event.is_folded
        UNION ALL
        SELECT one.event_data
        FROM "prefix".aftersend_folded_events AS one
        WHERE one.email_log_uuid = event.email_log_uuid AND one.uuid = event.uuid AND event.is_folded
    ) AS report
    -- An application keeps a part of the event only.
    CROSS JOIN LATERAL (SELECT coalesce(report.event_data->'bounce', report.event_data) AS json) AS told
    CROSS JOIN LATERAL (
        SELECT event.kind::text, coalesce(event.own_subtype::text, told.json->>'bounceSubType') AS subtype
    ) AS bounce
    LEFT JOIN LATERAL jsonb_array_elements(
        CASE jsonb_typeof(told.json->'bouncedRecipients') WHEN 'array' THEN told.json->'bouncedRecipients' ELSE '[]' END
    ) AS named (recipient) ON true
    GROUP BY 1, 2, 3
    ORDER BY count(*) DESC, 1, 2, 3
    LIMIT $6
)
SELECT looked_at.events, reason.kind, reason.subtype, reason.code, reason.bounces
FROM (
    SELECT greatest(count(*) FILTER (WHERE is_folded), count(*) FILTER (WHERE NOT is_folded)) AS events FROM event
) AS looked_at
LEFT JOIN reason ON true
ORDER BY reason.bounces DESC, reason.kind, reason.subtype, reason.code
