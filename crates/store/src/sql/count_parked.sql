-- aftersend_parked_received_at_idx, alone where the table has been vacuumed.
SELECT count(*) AS events, min(received_at) AS oldest_received_at,
       coalesce(extract(epoch FROM now() - min(received_at)), 0)::float8 AS oldest_age_s
FROM "prefix".phoenix_kit_email_orphaned_events
WHERE aftersend_fingerprint IS NOT NULL
