-- squawk-ignore-file ban-drop-table -- our own, and given up on purpose with the rows in them
-- squawk-ignore-file require-concurrent-index-deletion -- dropping it takes a moment, and nobody but migrations reads it
DROP INDEX IF EXISTS "prefix".aftersend_removed_events_mail_idx;
DROP TABLE IF EXISTS "prefix".aftersend_removed_links;
DROP TABLE IF EXISTS "prefix".aftersend_removed_bounces;
DROP TABLE IF EXISTS "prefix".aftersend_removed_domains;
DROP TABLE IF EXISTS "prefix".aftersend_removed_figures;
DROP TABLE IF EXISTS "prefix".aftersend_late_events;
DROP TABLE IF EXISTS "prefix".aftersend_archived_mails;
DROP TABLE IF EXISTS "prefix".aftersend_archive_objects;
DROP TABLE IF EXISTS "prefix".aftersend_archive_runs;
