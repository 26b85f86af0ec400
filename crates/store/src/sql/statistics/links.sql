-- The links that were followed in mails which were sent from $1 to before $2, of the templates $3 or of all where that is
-- NULL; those that led most mails' readers on first, $4 at most. sent_at_idx, then the mails' events.
SELECT event.link_url AS link,
       count(DISTINCT mail.uuid) FILTER (WHERE event.is_person) AS mails,
       count(*) FILTER (WHERE event.is_person) AS clicks,
       count(*) FILTER (WHERE NOT event.is_person) AS machine_clicks
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
WHERE mail.sent_at >= $1
  AND mail.sent_at < $2
  AND mail.clicked_at IS NOT NULL
  AND ($3::text[] IS NULL OR mail.template_name = ANY($3::text[]))
GROUP BY event.link_url
ORDER BY mails DESC, clicks DESC, machine_clicks DESC, event.link_url
LIMIT $4
