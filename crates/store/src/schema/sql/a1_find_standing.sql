-- $1 numbers of places, $2, $3, $4 what V137's unique indexes tell places by: mails, types, times (of opens and clicks
-- alone); $5 the longest JSON that can be read, in characters. What stands there now, with what its mail is known by.
WITH place AS MATERIALIZED (
    SELECT number, email_log_uuid, event_type, occurred_at::timestamptz AS occurred_at
    FROM unnest($1::int[], $2::uuid[], $3::text[], $4::text[])
        AS place (number, email_log_uuid, event_type, occurred_at)
), standing AS (
    SELECT place.number, stored.uuid, stored.email_log_uuid, stored.aftersend_fingerprint, stored.event_data
    FROM place
    JOIN "prefix".phoenix_kit_email_events AS stored
        ON stored.email_log_uuid = place.email_log_uuid
        AND stored.event_type = place.event_type
        AND stored.event_type NOT IN ('open', 'click')
    UNION ALL
    SELECT place.number, stored.uuid, stored.email_log_uuid, stored.aftersend_fingerprint, stored.event_data
    FROM place
    JOIN "prefix".phoenix_kit_email_events AS stored
        ON stored.email_log_uuid = place.email_log_uuid
        AND stored.event_type = place.event_type
        AND stored.occurred_at = place.occurred_at
        AND stored.event_type IN ('open', 'click')
)
SELECT standing.number, standing.uuid, standing.aftersend_fingerprint AS fingerprint,
       CASE WHEN length(standing.event_data::text) <= $5::bigint THEN standing.event_data::text END AS event_data,
       mail.aws_message_id, mail."to"
FROM standing
JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = standing.email_log_uuid
