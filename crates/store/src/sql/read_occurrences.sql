-- What stands where events of the batch found no place: the row in that place, and the folded row of the same
-- occurrence. A statement of its own, after the inserts: what a racing batch has just committed made the insert
-- yield, yet only a later statement's snapshot sees it. Served by V137's two indexes and a primary key.
-- Rows of ours hold a whole event; an application's hold a part of one, or nothing: to tell them apart the server
-- looks into the JSON of each, and hands it over only where the fingerprint is missing.
-- What step a2 makes text is cast to text: else a session that prepared this before is refused it afterwards.
WITH told AS MATERIALIZED (
    SELECT *
    FROM unnest($1::int[], $2::uuid[], $3::text[], $4::timestamptz[], $5::uuid[])
        AS event (place, email_log_uuid, event_type, occurred_at, fingerprint)
), held AS (
    SELECT told.place, stored.*
    FROM told
    JOIN "prefix".phoenix_kit_email_events AS stored
        ON stored.email_log_uuid = told.email_log_uuid
        AND stored.event_type = told.event_type
        AND stored.event_type NOT IN ('open', 'click')
    UNION ALL
    SELECT told.place, stored.*
    FROM told
    JOIN "prefix".phoenix_kit_email_events AS stored
        ON stored.email_log_uuid = told.email_log_uuid
        AND stored.event_type = told.event_type
        AND stored.occurred_at = told.occurred_at
        AND stored.event_type IN ('open', 'click')
)
SELECT place, false AS folded, uuid, email_log_uuid, aftersend_fingerprint AS fingerprint, occurred_at, ip_address,
       user_agent::text, link_url::text, bounce_type, complaint_type, reject_reason::text, delay_type,
       subscription_type, failure_reason::text, aftersend_subtype AS subtype, aftersend_bot_verdict AS bot_verdict,
       CASE WHEN aftersend_fingerprint IS NULL THEN event_data::text END AS event_data,
       coalesce(event_data ?| ARRAY['eventType', 'notificationType'], false) AS ours
FROM held
UNION ALL
SELECT told.place, true, folded.uuid, folded.email_log_uuid, folded.fingerprint, folded.occurred_at,
       folded.ip_address, folded.user_agent::text, folded.link_url::text, folded.bounce_type, folded.complaint_type,
       folded.reject_reason::text, folded.delay_type, folded.subscription_type, folded.failure_reason::text,
       folded.subtype, folded.bot_verdict, NULL,
       coalesce(folded.event_data ?| ARRAY['eventType', 'notificationType'], false)
FROM told
JOIN "prefix".aftersend_folded_events AS folded
    ON folded.email_log_uuid = told.email_log_uuid
    AND folded.fingerprint = told.fingerprint
