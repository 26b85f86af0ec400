-- What neither insert took: a repeat of a stored occurrence, or another occurrence in the place of one. A
-- statement of its own, after the inserts: what a racing batch has just committed made the insert yield, yet
-- only a later statement's snapshot sees it. Returns each occurrence that it has accounted for: found here
-- already, or folded now. The look-ups are served by V137's two indexes and the primary key.
WITH told AS (
    SELECT event.*, (single.uuid IS NOT NULL OR repeatable.uuid IS NOT NULL OR folded.uuid IS NOT NULL) AS repeated
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
        $17::uuid[]
    ) AS event (
        uuid, email_log_uuid, event_type, event_data, occurred_at, ip_address, user_agent, link_url, bounce_type,
        complaint_type, reject_reason, delay_type, subscription_type, failure_reason, subtype, bot_verdict,
        fingerprint
    )
    LEFT JOIN "prefix".phoenix_kit_email_events AS single
        ON single.email_log_uuid = event.email_log_uuid
        AND single.event_type = event.event_type
        AND single.event_type NOT IN ('open', 'click')
        AND single.aftersend_fingerprint = event.fingerprint
    LEFT JOIN "prefix".phoenix_kit_email_events AS repeatable
        ON repeatable.email_log_uuid = event.email_log_uuid
        AND repeatable.event_type = event.event_type
        AND repeatable.occurred_at = event.occurred_at
        AND repeatable.event_type IN ('open', 'click')
        AND repeatable.aftersend_fingerprint = event.fingerprint
    LEFT JOIN "prefix".aftersend_folded_events AS folded
        ON folded.email_log_uuid = event.email_log_uuid
        AND folded.fingerprint = event.fingerprint
), made AS (
    INSERT INTO "prefix".aftersend_folded_events (
        uuid, email_log_uuid, event_type, event_data, occurred_at, ip_address, user_agent, link_url, bounce_type,
        complaint_type, reject_reason, delay_type, subscription_type, failure_reason, subtype, bot_verdict,
        fingerprint
    )
    SELECT uuid, email_log_uuid, event_type, event_data::jsonb, occurred_at, ip_address, user_agent, link_url,
           bounce_type, complaint_type, reject_reason, delay_type, subscription_type, failure_reason, subtype,
           bot_verdict, fingerprint
    FROM told
    WHERE NOT repeated
    ORDER BY email_log_uuid, fingerprint
    ON CONFLICT (email_log_uuid, fingerprint) DO NOTHING
    RETURNING uuid
)
SELECT uuid, true AS repeated FROM told WHERE repeated
UNION ALL
SELECT uuid, false FROM made
