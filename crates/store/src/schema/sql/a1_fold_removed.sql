-- $1 mails, locked; $2 their removed rows; what those say: $3 fingerprints, $4 subtypes, $5 verdicts, $6 SES's own
-- times; $7 the rows that stand in their places; $8 the fingerprints that they are folded by where another record of them
-- tells to how many their mail went, else $3 again. A row whose mail or whose standing row has gone meanwhile stays where
-- it is. So does one that SES has delivered again meanwhile, to a place of its own: an application cuts the times of
-- opens and clicks, which moves them to another. Cut like the columns they go to: an application's may be wider.
INSERT INTO "prefix".aftersend_folded_events (
    uuid, email_log_uuid, event_type, event_data, occurred_at, ip_address, user_agent, link_url, bounce_type,
    complaint_type, reject_reason, delay_type, subscription_type, failure_reason, subtype, bot_verdict, fingerprint,
    inserted_at
)
SELECT removed.uuid, told.email_log_uuid, left(event.event_type, 255), coalesce(event.event_data, '{}'),
       event.occurred_at, left(event.ip_address, 255), left(event.user_agent, 255), left(event.link_url, 255),
       left(event.bounce_type, 255), left(event.complaint_type, 255), left(event.reject_reason, 255),
       left(event.delay_type, 255), left(event.subscription_type, 255), left(event.failure_reason, 255),
       coalesce(event.aftersend_subtype, told.subtype), coalesce(event.aftersend_bot_verdict, told.bot_verdict),
       told.fingerprint, coalesce(event.inserted_at, now())
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::uuid[],
    $8::uuid[])
    AS told (
        email_log_uuid, removed_uuid, fingerprint, subtype, bot_verdict, occurred_at, standing_uuid, other_fingerprint
    )
JOIN "prefix".aftersend_removed_events AS removed ON removed.uuid = told.removed_uuid
JOIN "prefix".phoenix_kit_email_events AS standing
    ON standing.uuid = told.standing_uuid
    AND standing.email_log_uuid = told.email_log_uuid
    AND standing.aftersend_fingerprint IS DISTINCT FROM told.fingerprint
CROSS JOIN LATERAL jsonb_populate_record(NULL::"prefix".phoenix_kit_email_events, removed."row") AS event
WHERE NOT EXISTS (
    SELECT
    FROM "prefix".phoenix_kit_email_events AS again
    WHERE again.email_log_uuid = told.email_log_uuid
      AND again.event_type = event.event_type
      AND again.occurred_at = told.occurred_at
      AND again.event_type IN ('open', 'click')
      AND again.aftersend_fingerprint = told.fingerprint
)
AND NOT EXISTS (
    SELECT
    FROM "prefix".aftersend_folded_events AS folded
    WHERE folded.email_log_uuid = told.email_log_uuid
      AND folded.fingerprint = told.other_fingerprint
)
ORDER BY told.email_log_uuid, told.fingerprint, removed.uuid
ON CONFLICT (email_log_uuid, fingerprint) DO NOTHING
