-- Step a1: tables of our own. What is there already stays: a step that lost a part of it is run again.
-- The foreign key of the folded events keeps writers of mails out for the moment that it takes to make it.
-- squawk-ignore-file prefer-text-field -- like the columns of events: what fits there fits here, what is cut is cut alike

CREATE TABLE IF NOT EXISTS "prefix".aftersend_steps (
    step text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now(),
    duration interval NOT NULL,
    checksum text NOT NULL
);

-- Occurrences that differ in meaning from the one that holds their place in V137's unique indexes.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_folded_events (
    email_log_uuid uuid NOT NULL REFERENCES "prefix".phoenix_kit_email_logs (uuid) ON DELETE CASCADE,
    fingerprint uuid NOT NULL,
    uuid uuid NOT NULL,
    event_type varchar(255) NOT NULL,
    event_data jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    ip_address varchar(255),
    user_agent varchar(255),
    link_url varchar(255),
    bounce_type varchar(255),
    complaint_type varchar(255),
    reject_reason varchar(255),
    delay_type varchar(255),
    subscription_type varchar(255),
    failure_reason varchar(255),
    subtype varchar(255),
    bot_verdict varchar(255),
    inserted_at timestamptz NOT NULL DEFAULT now(),
    -- The mail first: a story reads all of a mail's.
    PRIMARY KEY (email_log_uuid, fingerprint)
);
CREATE INDEX IF NOT EXISTS aftersend_folded_events_type_occurred_at_idx
    ON "prefix".aftersend_folded_events (event_type, occurred_at);

-- SES ids that a mail has beside the one in its column. No foreign key: tombstones outlive their mails.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_ids (
    aws_message_id text PRIMARY KEY,
    email_log_uuid uuid,
    state text NOT NULL CHECK (state IN ('alias', 'created', 'archived', 'deleted', 'erased'))
);
CREATE INDEX IF NOT EXISTS aftersend_ids_email_log_uuid_idx ON "prefix".aftersend_ids (email_log_uuid);

-- Messages that could not be read or stored, whole, each body once.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_quarantine (
    body_sha256 bytea PRIMARY KEY,
    uuid uuid NOT NULL UNIQUE,
    body bytea NOT NULL,
    reason text NOT NULL,
    feed text NOT NULL,
    origin text NOT NULL,
    times_received bigint NOT NULL,
    first_received_at timestamptz NOT NULL DEFAULT now(),
    last_received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS aftersend_quarantine_first_received_at_idx ON "prefix".aftersend_quarantine (first_received_at);
