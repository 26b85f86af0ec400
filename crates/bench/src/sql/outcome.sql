-- What a migrated database must show: every mail has the id its headers had, duplicates are gone, V137's indexes work.
SELECT
    (SELECT count(*) FROM public.phoenix_kit_email_events) AS events,
    (SELECT count(*) FROM public.phoenix_kit_email_logs
        WHERE aws_message_id IS NULL AND headers ?| ARRAY['aws_message_id', 'X-AWS-Message-Id', 'MessageId']) AS ids_missing,
    (SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relnamespace = 'public'::regnamespace AND indisvalid AND indisready AND relname IN (
            'phoenix_kit_email_events_log_uuid_event_type_index',
            'phoenix_kit_email_events_log_uuid_type_occurred_index',
            'phoenix_kit_email_logs_to_trgm_index',
            'phoenix_kit_email_logs_subject_trgm_index',
            'phoenix_kit_email_logs_campaign_id_trgm_index',
            'phoenix_kit_email_logs_template_opened_index',
            'phoenix_kit_email_logs_template_clicked_index',
            'phoenix_kit_email_logs_compress_scan_index'
        )) AS indexes
