CREATE UNIQUE INDEX IF NOT EXISTS phoenix_kit_email_events_log_uuid_event_type_index
    ON "prefix".phoenix_kit_email_events (email_log_uuid, event_type)
    WHERE event_type NOT IN ('open', 'click')
