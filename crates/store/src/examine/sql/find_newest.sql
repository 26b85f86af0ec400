-- occurred_at_idx and sent_at_idx, read backwards. Rows without a fingerprint are an application's own, which it writes
-- also while no event of SES's comes.
SELECT (
           SELECT occurred_at
           FROM "prefix".phoenix_kit_email_events
           WHERE aftersend_fingerprint IS NOT NULL
           ORDER BY occurred_at DESC
           LIMIT 1
       ) AS event_at,
       (SELECT max(sent_at) FROM "prefix".phoenix_kit_email_logs) AS mail_at
