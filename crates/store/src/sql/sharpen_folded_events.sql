-- The same for folded occurrences, by their primary key.
UPDATE "prefix".aftersend_folded_events AS stored
SET occurred_at = least(stored.occurred_at, event.occurred_at),
    subtype = CASE WHEN event.sharper THEN event.subtype ELSE stored.subtype END,
    bot_verdict = CASE WHEN event.surer THEN event.bot_verdict ELSE stored.bot_verdict END
FROM (
    SELECT held.email_log_uuid, held.fingerprint, told.occurred_at, told.subtype, told.bot_verdict,
           told.subtype IS NOT NULL AND (
               held.subtype IS NULL
               OR (octet_length(told.subtype), held.subtype COLLATE "C")
                   > (octet_length(held.subtype), told.subtype COLLATE "C")
           ) AS sharper,
           told.bot_verdict IS NOT NULL AND (
               held.bot_verdict IS NULL
               OR (held.bot_verdict = 'Unlikely' AND told.bot_verdict = 'Likely')
           ) AS surer
    FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[])
        AS told (email_log_uuid, fingerprint, occurred_at, subtype, bot_verdict)
    JOIN "prefix".aftersend_folded_events AS held USING (email_log_uuid, fingerprint)
) AS event
WHERE stored.email_log_uuid = event.email_log_uuid
  AND stored.fingerprint = event.fingerprint
  AND (event.occurred_at < stored.occurred_at OR event.sharper OR event.surer)
