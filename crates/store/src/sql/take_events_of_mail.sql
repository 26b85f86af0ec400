-- $1 a mail, locked, $2 rows at most: takes its events out, whole. email_log_uuid_idx and the primary key.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
DELETE FROM "prefix".phoenix_kit_email_events AS event
USING (
    SELECT uuid FROM "prefix".phoenix_kit_email_events WHERE email_log_uuid = $1 ORDER BY uuid LIMIT $2
) AS page
WHERE event.uuid = page.uuid
RETURNING event.uuid, aftersend_fingerprint AS fingerprint, event_type::text AS event_type, occurred_at, ip_address,
          user_agent::text, link_url::text, bounce_type, complaint_type, reject_reason::text, delay_type,
          subscription_type, failure_reason::text, aftersend_subtype AS subtype, aftersend_bot_verdict AS bot_verdict,
          event_data::text AS event_data
