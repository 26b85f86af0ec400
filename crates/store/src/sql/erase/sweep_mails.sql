-- $1 the last mail that was looked at, $2 mails at most, $3 patterns in lower case. Of the next mails those of which any
-- text, or any of their events, may name the person; and how far that went.
WITH page AS MATERIALIZED (
    SELECT uuid,
           lower(concat_ws(
               ' ', message_id, "to", "from", subject, headers::text, message_tags::text, body_full, body_preview,
               template_name, campaign_id, configuration_set, error_message
           )) LIKE ANY ($3::text[]) AS is_named
    FROM "prefix".phoenix_kit_email_logs
    WHERE uuid > $1
    ORDER BY uuid
    LIMIT $2
)
SELECT looked_at.mails, looked_at.last, named.uuid
FROM (SELECT count(*) AS mails, (SELECT uuid FROM page ORDER BY uuid DESC LIMIT 1) AS last FROM page) AS looked_at
LEFT JOIN (
    SELECT page.uuid
    FROM page
    WHERE page.is_named
       OR EXISTS (
           SELECT
           FROM "prefix".phoenix_kit_email_events AS event
           WHERE event.email_log_uuid = page.uuid
             AND lower(concat_ws(
                 ' ', event.event_data::text, event.link_url, event.user_agent, event.reject_reason, event.failure_reason
             )) LIKE ANY ($3::text[])
       )
       OR EXISTS (
           SELECT
           FROM "prefix".aftersend_folded_events AS event
           WHERE event.email_log_uuid = page.uuid
             AND lower(concat_ws(
                 ' ', event.event_data::text, event.link_url, event.user_agent, event.reject_reason, event.failure_reason
             )) LIKE ANY ($3::text[])
       )
       OR EXISTS (
           SELECT
           FROM "prefix".aftersend_recipients AS recipient
           WHERE recipient.email_log_uuid = page.uuid AND lower(recipient.address) LIKE ANY ($3::text[])
       )
) AS named ON true
ORDER BY named.uuid
