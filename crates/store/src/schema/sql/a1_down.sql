-- squawk-ignore-file ban-drop-table, ban-drop-column -- our own, read by nobody else, empty or given up on purpose
DROP TABLE "prefix".aftersend_quarantine;
DROP TABLE "prefix".aftersend_ids;
DROP TABLE "prefix".aftersend_folded_events;
ALTER TABLE "prefix".phoenix_kit_email_events
    DROP COLUMN aftersend_fingerprint,
    DROP COLUMN aftersend_subtype,
    DROP COLUMN aftersend_bot_verdict;
ALTER TABLE "prefix".phoenix_kit_email_logs
    DROP COLUMN aftersend_derived;
DROP TABLE "prefix".aftersend_steps;
