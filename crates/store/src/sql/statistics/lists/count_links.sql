-- The links that were followed in mails which were sent in each bucket, by template: $1 the buckets' beginnings and
-- behind them the end of the last, $2 templates or NULL for all mails. sent_at_idx, then the mails' events.
SELECT width_bucket(mail.sent_at, $1::timestamptz[]) AS bucket,
       left(mail.template_name, 255) AS template_name,
       event.link_url AS link,
       (count(DISTINCT mail.uuid) FILTER (WHERE event.is_person))::int AS mails,
       (count(*) FILTER (WHERE event.is_person))::int AS clicks,
       (count(*) FILTER (WHERE NOT event.is_person))::int AS machine_clicks
FROM "prefix".phoenix_kit_email_logs AS mail
CROSS JOIN LATERAL (
    SELECT link_url::text, aftersend_bot_verdict IS DISTINCT FROM 'Likely' AS is_person
    FROM "prefix".phoenix_kit_email_events
    WHERE email_log_uuid = mail.uuid AND event_type = 'click'
    UNION ALL
    SELECT link_url::text, bot_verdict IS DISTINCT FROM 'Likely'
    FROM "prefix".aftersend_folded_events
    WHERE email_log_uuid = mail.uuid AND event_type = 'click'
) AS event
WHERE mail.sent_at >= ($1::timestamptz[])[1]
  AND mail.sent_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
  AND mail.clicked_at IS NOT NULL
  AND ($2::text[] IS NULL OR mail.template_name = ANY($2::text[]))
GROUP BY 1, 2, 3
