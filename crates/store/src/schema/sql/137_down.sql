-- The eight indexes in the reverse of the order they were made in. The backfilled ids stay, as specified.
DROP INDEX IF EXISTS "prefix".phoenix_kit_email_logs_compress_scan_index;
DROP INDEX IF EXISTS "prefix".phoenix_kit_email_logs_template_clicked_index;
DROP INDEX IF EXISTS "prefix".phoenix_kit_email_logs_template_opened_index;
DROP INDEX IF EXISTS "prefix".phoenix_kit_email_logs_campaign_id_trgm_index;
DROP INDEX IF EXISTS "prefix".phoenix_kit_email_logs_subject_trgm_index;
DROP INDEX IF EXISTS "prefix".phoenix_kit_email_logs_to_trgm_index;
DROP INDEX IF EXISTS "prefix".phoenix_kit_email_events_log_uuid_type_occurred_index;
DROP INDEX IF EXISTS "prefix".phoenix_kit_email_events_log_uuid_event_type_index;
