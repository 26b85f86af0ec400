-- Step a1: what ingest needs beyond V137. Nullable columns without defaults, which PostgreSQL adds without touching a
-- row; a PhoenixKit application writes on as before. What is there already stays.
ALTER TABLE "prefix".phoenix_kit_email_logs
    -- True: known from events alone, and its descriptive columns are theirs. NULL: an application's row.
    ADD COLUMN IF NOT EXISTS aftersend_derived boolean;
