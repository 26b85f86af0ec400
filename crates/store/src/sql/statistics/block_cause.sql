-- The event that an address is blocked by: $1 the address, $2 the type of the event, $3 when the block was written, $4
-- mails to look at at most: the newest. An event and its block are written in one transaction and bear its time; where
-- none does (the event was parked, or stored by somebody else), it is the first.
-- aftersend_recipients_address_idx, then the mails' events.
SELECT recipient.email_log_uuid, event.uuid, event.occurred_at
FROM (
    SELECT *
    FROM "prefix".aftersend_recipients
    WHERE address = $1::text
    ORDER BY email_log_uuid DESC
    LIMIT $4
) AS recipient
CROSS JOIN LATERAL (
    SELECT uuid, occurred_at, inserted_at, bounce_type
    FROM "prefix".phoenix_kit_email_events
    WHERE email_log_uuid = recipient.email_log_uuid AND event_type = $2::text
    UNION ALL
    SELECT uuid, occurred_at, inserted_at, bounce_type
    FROM "prefix".aftersend_folded_events
    WHERE email_log_uuid = recipient.email_log_uuid AND event_type = $2::text
) AS event
WHERE CASE $2::text
          WHEN 'bounce' THEN recipient.hard_bounced_at IS NOT NULL AND event.bounce_type = 'hard'
          ELSE recipient.complained_at IS NOT NULL
      END
ORDER BY event.inserted_at = $3 DESC, event.occurred_at, event.uuid
LIMIT 1
