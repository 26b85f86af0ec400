-- squawk-ignore-file ban-drop-column -- our own, and given up on purpose
-- squawk-ignore-file ban-drop-table -- our own, and given up on purpose
DROP TABLE IF EXISTS "prefix".aftersend_retention;
DROP TABLE IF EXISTS "prefix".aftersend_erased;
DROP TABLE IF EXISTS "prefix".aftersend_keys;
ALTER TABLE "prefix".phoenix_kit_email_logs DROP COLUMN IF EXISTS aftersend_logged;
