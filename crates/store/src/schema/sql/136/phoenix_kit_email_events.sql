-- A row for each event of a mail.
-- squawk-ignore-file prefer-text-field -- the types of V136, which are the contract
CREATE TABLE "prefix".phoenix_kit_email_events (
    uuid uuid NOT NULL PRIMARY KEY DEFAULT "prefix".uuid_generate_v7(),
    email_log_uuid uuid NOT NULL,
    event_type varchar(255) NOT NULL,
    event_data jsonb DEFAULT '{}',
    occurred_at timestamptz NOT NULL DEFAULT now(),
    ip_address varchar(255),
    user_agent varchar(255),
    geo_location jsonb DEFAULT '{}',
    link_url varchar(255),
    bounce_type varchar(255),
    complaint_type varchar(255),
    inserted_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    reject_reason varchar(255),
    delay_type varchar(255),
    subscription_type varchar(255),
    failure_reason varchar(255),
    CONSTRAINT fk_email_events_email_log_uuid
        FOREIGN KEY (email_log_uuid) REFERENCES "prefix".phoenix_kit_email_logs (uuid) ON DELETE CASCADE
);
CREATE UNIQUE INDEX phoenix_kit_email_events_uuid_idx ON "prefix".phoenix_kit_email_events (uuid);
CREATE INDEX phoenix_kit_email_events_occurred_at_idx ON "prefix".phoenix_kit_email_events (occurred_at);
CREATE INDEX phoenix_kit_email_events_type_occurred_at_idx
    ON "prefix".phoenix_kit_email_events (event_type, occurred_at);
CREATE INDEX phoenix_kit_email_events_email_log_uuid_idx ON "prefix".phoenix_kit_email_events (email_log_uuid);
COMMENT ON TABLE "prefix".phoenix_kit_email_events IS 'made by Aftersend';
