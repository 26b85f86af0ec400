-- $1 the mail, $2 rows at most. email_log_uuid_idx, and the primary key of folded events.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
SELECT *
FROM (
    SELECT uuid, event_type::text AS event_type, occurred_at, false AS folded, bounce_type,
           aftersend_subtype AS subtype, aftersend_bot_verdict AS bot_verdict, link_url::text, ip_address,
           user_agent::text, complaint_type, reject_reason::text, delay_type, subscription_type, failure_reason::text,
           event_data::text AS event_data, inserted_at, aftersend_fingerprint AS fingerprint
    FROM "prefix".phoenix_kit_email_events
    WHERE email_log_uuid = $1
    UNION ALL
    SELECT uuid, event_type::text, occurred_at, true, bounce_type,
           subtype, bot_verdict, link_url::text, ip_address,
           user_agent::text, complaint_type, reject_reason::text, delay_type, subscription_type, failure_reason::text,
           event_data::text, inserted_at, fingerprint
    FROM "prefix".aftersend_folded_events
    WHERE email_log_uuid = $1
) AS occurrence
-- What SES stamps with the same time happened in the order of these types.
ORDER BY occurred_at,
         array_position(
             ARRAY['queued', 'send', 'rendering_failure', 'reject', 'delivery_delay', 'delivery'], event_type
         ),
         -- Of what is left in one moment, always the same stands first, whichever was stored first.
         fingerprint,
         uuid
LIMIT $2
