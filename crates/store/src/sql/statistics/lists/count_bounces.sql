-- Why mails bounced that were sent in each bucket: $1 the buckets' beginnings and behind them the end of the last, $2
-- templates or NULL for all mails; by kind, by SES's subtype and by the enhanced status code that the server gave
-- (RFC 3463). Each recipient that a bounce names counts. sent_at_idx, then the mails' events.
SELECT width_bucket(mail.sent_at, $1::timestamptz[]) AS bucket, bounce.kind, bounce.subtype,
       coalesce(
           named.recipient->>'status',
           substring(named.recipient->>'diagnosticCode' FROM '[245]\.\d{1,3}\.\d{1,3}')
       ) AS code,
       count(*)::int AS bounces
FROM "prefix".phoenix_kit_email_logs AS mail
CROSS JOIN LATERAL (
    SELECT bounce_type AS kind, aftersend_subtype AS own_subtype, event_data
    FROM "prefix".phoenix_kit_email_events
    WHERE email_log_uuid = mail.uuid AND event_type = 'bounce'
    UNION ALL
    SELECT bounce_type, subtype, event_data
    FROM "prefix".aftersend_folded_events
    WHERE email_log_uuid = mail.uuid AND event_type = 'bounce'
) AS event
-- An application keeps a part of the event only.
CROSS JOIN LATERAL (SELECT coalesce(event.event_data->'bounce', event.event_data) AS json) AS told
CROSS JOIN LATERAL (
    SELECT event.kind::text, coalesce(event.own_subtype::text, told.json->>'bounceSubType') AS subtype
) AS bounce
LEFT JOIN LATERAL jsonb_array_elements(
    CASE jsonb_typeof(told.json->'bouncedRecipients') WHEN 'array' THEN told.json->'bouncedRecipients' ELSE '[]' END
) AS named (recipient) ON true
WHERE mail.sent_at >= ($1::timestamptz[])[1]
  AND mail.sent_at < ($1::timestamptz[])[array_upper($1::timestamptz[], 1)]
  AND mail.bounced_at IS NOT NULL
  AND ($2::text[] IS NULL OR mail.template_name = ANY($2::text[]))
GROUP BY 1, 2, 3, 4
