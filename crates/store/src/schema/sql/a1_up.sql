-- Step a1: what ingest needs beyond V137. Only tables of our own and nullable columns without defaults,
-- which PostgreSQL adds without touching a row; a PhoenixKit application writes on as before.

-- What keeps mails and blocks from being doubled is V136's. A database that has drifted may lack it, and gets it
-- back; where it is there, nothing happens.
CREATE UNIQUE INDEX IF NOT EXISTS phoenix_kit_email_logs_message_id_uidx
    ON "prefix".phoenix_kit_email_logs (message_id);
CREATE UNIQUE INDEX IF NOT EXISTS phoenix_kit_email_logs_aws_message_id_uidx
    ON "prefix".phoenix_kit_email_logs (aws_message_id) WHERE aws_message_id IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS phoenix_kit_email_blocklist_email_uidx
    ON "prefix".phoenix_kit_email_blocklist (email);

CREATE TABLE "prefix".aftersend_steps (
    step text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now(),
    duration interval NOT NULL,
    checksum text NOT NULL
);

ALTER TABLE "prefix".phoenix_kit_email_logs
    -- True: known from events alone, and its descriptive columns are theirs. NULL: an application's row.
    ADD COLUMN aftersend_derived boolean;

ALTER TABLE "prefix".phoenix_kit_email_events
    ADD COLUMN aftersend_fingerprint uuid,
    ADD COLUMN aftersend_subtype varchar(255),
    ADD COLUMN aftersend_bot_verdict varchar(255);

-- Occurrences that differ in meaning from the one that holds their place in V137's unique indexes.
CREATE TABLE "prefix".aftersend_folded_events (
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
CREATE INDEX aftersend_folded_events_type_occurred_at_idx
    ON "prefix".aftersend_folded_events (event_type, occurred_at);

-- SES ids that a mail has beside the one in its column. No foreign key: tombstones outlive their mails.
CREATE TABLE "prefix".aftersend_ids (
    aws_message_id text PRIMARY KEY,
    email_log_uuid uuid,
    state text NOT NULL CHECK (state IN ('alias', 'created', 'archived', 'deleted', 'erased'))
);
CREATE INDEX aftersend_ids_email_log_uuid_idx ON "prefix".aftersend_ids (email_log_uuid);

-- Messages that could not be read or stored, whole, each body once.
CREATE TABLE "prefix".aftersend_quarantine (
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
CREATE INDEX aftersend_quarantine_first_received_at_idx ON "prefix".aftersend_quarantine (first_received_at);
