-- A repeat may know better than the row: an earlier time, a subtype that the row lacks. Earliest wins;
-- of two subtypes the longer, then the smaller. Rows that would not change are not touched.
UPDATE "prefix".phoenix_kit_email_events AS stored
SET occurred_at = least(stored.occurred_at, event.occurred_at),
    aftersend_subtype = CASE WHEN event.sharper THEN event.subtype ELSE stored.aftersend_subtype END,
    updated_at = now()
FROM (
    SELECT held.uuid, told.occurred_at, told.subtype,
           told.subtype IS NOT NULL AND (
               held.aftersend_subtype IS NULL
               OR (octet_length(told.subtype), held.aftersend_subtype COLLATE "C")
                   > (octet_length(held.aftersend_subtype), told.subtype COLLATE "C")
           ) AS sharper
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::text[])
        AS told (email_log_uuid, event_type, fingerprint, occurred_at, subtype)
    JOIN "prefix".phoenix_kit_email_events AS held
        ON held.email_log_uuid = told.email_log_uuid
        AND held.event_type = told.event_type
        AND held.event_type NOT IN ('open', 'click')
        AND held.aftersend_fingerprint = told.fingerprint
) AS event
WHERE stored.uuid = event.uuid
  AND (event.occurred_at < stored.occurred_at OR event.sharper)
