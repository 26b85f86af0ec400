-- $1 the last row seen, $2 how many, $3 the longest JSON that can be read, in characters: the next removed rows, each
-- with the place that it had under V137's unique indexes.
SELECT uuid, email_log_uuid, event_type, occurred_at, fingerprint,
       CASE WHEN length(event_data) <= $3::bigint THEN event_data END AS event_data
FROM (
    SELECT uuid, email_log_uuid, "row" ->> 'event_type' AS event_type,
           CASE WHEN "row" ->> 'event_type' IN ('open', 'click') THEN "row" ->> 'occurred_at' END AS occurred_at,
           -- Only of a row that was removed while step a1 was up.
           ("row" ->> 'aftersend_fingerprint')::uuid AS fingerprint,
           "row" ->> 'event_data' AS event_data
    FROM "prefix".aftersend_removed_events
    WHERE $1::uuid IS NULL OR uuid > $1
    ORDER BY uuid
    LIMIT $2::bigint
) AS removed
ORDER BY uuid
