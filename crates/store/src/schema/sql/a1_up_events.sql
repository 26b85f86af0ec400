-- Step a1: what ingest needs beyond V137. Nullable columns without defaults, which PostgreSQL adds without touching a
-- row; a PhoenixKit application writes on as before. What is there already stays.
-- squawk-ignore-file prefer-text-field -- like the columns of events: what fits there fits here, what is cut is cut alike
ALTER TABLE "prefix".phoenix_kit_email_events
    ADD COLUMN IF NOT EXISTS aftersend_fingerprint uuid,
    ADD COLUMN IF NOT EXISTS aftersend_subtype varchar(255),
    ADD COLUMN IF NOT EXISTS aftersend_bot_verdict varchar(255);
