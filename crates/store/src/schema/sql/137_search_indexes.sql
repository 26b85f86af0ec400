-- pg_trgm may live in any schema of the database; "trgm" stands for the one it was found in.
CREATE INDEX IF NOT EXISTS phoenix_kit_email_logs_to_trgm_index
    ON "prefix".phoenix_kit_email_logs USING gin ("to" "trgm".gin_trgm_ops);
CREATE INDEX IF NOT EXISTS phoenix_kit_email_logs_subject_trgm_index
    ON "prefix".phoenix_kit_email_logs USING gin (subject "trgm".gin_trgm_ops);
CREATE INDEX IF NOT EXISTS phoenix_kit_email_logs_campaign_id_trgm_index
    ON "prefix".phoenix_kit_email_logs USING gin (campaign_id "trgm".gin_trgm_ops);
CREATE INDEX IF NOT EXISTS phoenix_kit_email_logs_template_opened_index
    ON "prefix".phoenix_kit_email_logs (template_name, opened_at) WHERE opened_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS phoenix_kit_email_logs_template_clicked_index
    ON "prefix".phoenix_kit_email_logs (template_name, clicked_at) WHERE clicked_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS phoenix_kit_email_logs_compress_scan_index
    ON "prefix".phoenix_kit_email_logs (sent_at) WHERE body_full IS NOT NULL;
