-- Exact, hence slow on large tables: for the demo and for tests.
SELECT (SELECT count(*) FROM "prefix".phoenix_kit_email_logs) AS mails,
       (SELECT count(*) FROM "prefix".phoenix_kit_email_events) AS events,
       (SELECT count(*) FROM "prefix".aftersend_folded_events) AS folded,
       (SELECT count(*) FROM "prefix".aftersend_quarantine) AS quarantined
