-- squawk-ignore-file ban-drop-column -- our own, and given up on purpose with the rows that have it
-- squawk-ignore-file require-concurrent-index-deletion -- with the rows and the column, or not at all; dropping them takes a moment
-- Without their fingerprint nobody would know them for parked events.
DELETE FROM "prefix".phoenix_kit_email_orphaned_events WHERE aftersend_fingerprint IS NOT NULL;
DROP INDEX "prefix".aftersend_parked_received_at_idx;
DROP INDEX "prefix".aftersend_ids_created_idx;
ALTER TABLE "prefix".phoenix_kit_email_orphaned_events DROP COLUMN aftersend_fingerprint;
