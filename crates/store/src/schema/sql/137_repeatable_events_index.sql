CREATE UNIQUE INDEX IF NOT EXISTS phoenix_kit_email_events_log_uuid_type_occurred_index
    ON "prefix".phoenix_kit_email_events (email_log_uuid, event_type, occurred_at)
    WHERE event_type IN ('open', 'click')
