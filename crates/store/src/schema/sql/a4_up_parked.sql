-- Step a4: which occurrence a parked event is. NULL: not parked by this program, and none of its business. A nullable
-- column without a default, which PostgreSQL adds without touching a row.
ALTER TABLE "prefix".phoenix_kit_email_orphaned_events
    ADD COLUMN IF NOT EXISTS aftersend_fingerprint uuid;
