-- Step a9: what is said of a mail by its application through Aftersend. A nullable column without a default, which
-- PostgreSQL adds without touching a row; a PhoenixKit application writes on as before.
ALTER TABLE "prefix".phoenix_kit_email_logs
    -- The columns that an application has logged through Aftersend; the others are described by the mail's events. NULL:
    -- an application wrote the whole row itself, or the row is known from events alone.
    ADD COLUMN IF NOT EXISTS aftersend_logged text[];
