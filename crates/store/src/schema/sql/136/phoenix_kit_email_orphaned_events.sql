-- Events of mails that no application has logged.
-- squawk-ignore-file prefer-text-field -- the types of V136, which are the contract
CREATE TABLE "prefix".phoenix_kit_email_orphaned_events (
    uuid uuid NOT NULL PRIMARY KEY DEFAULT "prefix".uuid_generate_v7(),
    aws_message_id varchar(255) NOT NULL,
    event_type varchar(255) NOT NULL,
    event_data jsonb NOT NULL DEFAULT '{}',
    received_at timestamptz NOT NULL DEFAULT now(),
    matched boolean NOT NULL DEFAULT false,
    matched_at timestamptz,
    matched_email_log_uuid uuid,
    error_message text,
    inserted_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX phoenix_kit_orphaned_events_aws_id_idx
    ON "prefix".phoenix_kit_email_orphaned_events (aws_message_id);
CREATE INDEX phoenix_kit_orphaned_events_matched_idx ON "prefix".phoenix_kit_email_orphaned_events (matched);
CREATE INDEX phoenix_kit_orphaned_events_type_received_idx
    ON "prefix".phoenix_kit_email_orphaned_events (event_type, received_at);
COMMENT ON TABLE "prefix".phoenix_kit_email_orphaned_events IS 'made by Aftersend';
