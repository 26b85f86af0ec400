-- squawk-ignore-file ban-drop-table -- made by step 136, as its mark says, and given up on purpose
DROP TABLE IF EXISTS "prefix".aftersend_removed_events;
DROP TABLE IF EXISTS "prefix".aftersend_progress;
DROP TABLE "prefix".phoenix_kit_email_orphaned_events;
DROP TABLE "prefix".phoenix_kit_email_metrics;
DROP TABLE "prefix".phoenix_kit_email_templates;
DROP TABLE "prefix".phoenix_kit_email_blocklist;
DROP TABLE "prefix".phoenix_kit_email_events;
DROP TABLE "prefix".phoenix_kit_email_logs;
DROP TABLE "prefix".phoenix_kit;
