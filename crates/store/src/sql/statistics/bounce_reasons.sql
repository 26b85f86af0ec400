-- Why mails bounced that were sent from $1 to before $2, of the templates $3 or of all where that is NULL: by kind, by
-- SES's subtype and by the enhanced status code that the server gave (RFC 3463), the commonest first, $4 at most. Each
-- recipient that a bounce names counts. sent_at_idx, then the mails' events.
SELECT bounce.kind, bounce.subtype,
       coalesce(
           named.recipient->>'status',
           substring(named.recipient->>'diagnosticCode' FROM '[245]\.\d{1,3}\.\d{1,3}')
       ) AS code,
       count(*) AS bounces
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
    SELECT event.kind, coalesce(event.own_subtype, told.json->>'bounceSubType') AS subtype
) AS bounce
LEFT JOIN LATERAL jsonb_array_elements(
    CASE jsonb_typeof(told.json->'bouncedRecipients') WHEN 'array' THEN told.json->'bouncedRecipients' ELSE '[]' END
) AS named (recipient) ON true
WHERE mail.sent_at >= $1
  AND mail.sent_at < $2
  AND mail.bounced_at IS NOT NULL
  AND ($3::text[] IS NULL OR mail.template_name = ANY($3::text[]))
GROUP BY bounce.kind, bounce.subtype, code
ORDER BY bounces DESC, bounce.kind, bounce.subtype, code
LIMIT $4
