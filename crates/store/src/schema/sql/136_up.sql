-- Step 136: the six tables of PhoenixKit's email module at its version V136, and the marker table.
-- Only on a schema that has none of them. Names and types are the contract's; nothing here is ours to choose.

CREATE TABLE "prefix".phoenix_kit (
    id serial PRIMARY KEY,
    version integer NOT NULL UNIQUE,
    migrated_at timestamp NOT NULL DEFAULT now()
);

CREATE TABLE "prefix".phoenix_kit_email_logs (
    uuid uuid NOT NULL PRIMARY KEY DEFAULT "prefix".uuid_generate_v7(),
    message_id varchar(255) NOT NULL,
    "to" varchar(255) NOT NULL,
    "from" varchar(255) NOT NULL,
    subject varchar(255),
    headers jsonb DEFAULT '{}',
    body_preview text,
    body_full text,
    template_name varchar(255),
    campaign_id varchar(255),
    attachments_count integer NOT NULL DEFAULT 0,
    size_bytes integer,
    retry_count integer NOT NULL DEFAULT 0,
    error_message text,
    status varchar(255) NOT NULL DEFAULT 'sent',
    sent_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    configuration_set varchar(255),
    message_tags jsonb DEFAULT '{}',
    provider varchar(255) NOT NULL DEFAULT 'unknown',
    inserted_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    aws_message_id varchar(255),
    bounced_at timestamptz,
    complained_at timestamptz,
    opened_at timestamptz,
    clicked_at timestamptz,
    body_compressed boolean NOT NULL DEFAULT false,
    queued_at timestamptz,
    rejected_at timestamptz,
    failed_at timestamptz,
    delayed_at timestamptz,
    user_uuid uuid,
    locale varchar(10) NOT NULL DEFAULT 'en'
);
CREATE UNIQUE INDEX phoenix_kit_email_logs_message_id_uidx ON "prefix".phoenix_kit_email_logs (message_id);
CREATE UNIQUE INDEX phoenix_kit_email_logs_aws_message_id_uidx
    ON "prefix".phoenix_kit_email_logs (aws_message_id) WHERE aws_message_id IS NOT NULL;
CREATE UNIQUE INDEX phoenix_kit_email_logs_aws_message_id_index
    ON "prefix".phoenix_kit_email_logs (aws_message_id) WHERE aws_message_id IS NOT NULL;
CREATE UNIQUE INDEX phoenix_kit_email_logs_uuid_idx ON "prefix".phoenix_kit_email_logs (uuid);
CREATE INDEX phoenix_kit_email_logs_message_ids_idx ON "prefix".phoenix_kit_email_logs (message_id, aws_message_id);
CREATE INDEX phoenix_kit_email_logs_to_sent_at_idx ON "prefix".phoenix_kit_email_logs ("to", sent_at);
CREATE INDEX phoenix_kit_email_logs_status_sent_at_idx ON "prefix".phoenix_kit_email_logs (status, sent_at);
CREATE INDEX phoenix_kit_email_logs_sent_at_idx ON "prefix".phoenix_kit_email_logs (sent_at);
CREATE INDEX phoenix_kit_email_logs_provider_sent_at_idx ON "prefix".phoenix_kit_email_logs (provider, sent_at);
CREATE INDEX phoenix_kit_email_logs_campaign_id_idx ON "prefix".phoenix_kit_email_logs (campaign_id);
CREATE INDEX phoenix_kit_email_logs_template_name_idx ON "prefix".phoenix_kit_email_logs (template_name);
CREATE INDEX phoenix_kit_email_logs_user_uuid_idx ON "prefix".phoenix_kit_email_logs (user_uuid);
CREATE INDEX idx_email_logs_locale ON "prefix".phoenix_kit_email_logs (locale);

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

CREATE TABLE "prefix".phoenix_kit_email_blocklist (
    uuid uuid NOT NULL PRIMARY KEY DEFAULT "prefix".uuid_generate_v7(),
    email varchar(255) NOT NULL,
    reason varchar(255) NOT NULL,
    expires_at timestamptz,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    user_uuid uuid
);
CREATE UNIQUE INDEX phoenix_kit_email_blocklist_email_uidx ON "prefix".phoenix_kit_email_blocklist (email);
CREATE INDEX phoenix_kit_email_blocklist_expires_at_idx ON "prefix".phoenix_kit_email_blocklist (expires_at);
CREATE INDEX phoenix_kit_email_blocklist_email_expires_idx
    ON "prefix".phoenix_kit_email_blocklist (email, expires_at);
CREATE INDEX phoenix_kit_email_blocklist_reason_inserted_idx
    ON "prefix".phoenix_kit_email_blocklist (reason, inserted_at);
CREATE INDEX phoenix_kit_email_blocklist_user_uuid_idx ON "prefix".phoenix_kit_email_blocklist (user_uuid);

CREATE TABLE "prefix".phoenix_kit_email_templates (
    uuid uuid NOT NULL PRIMARY KEY DEFAULT "prefix".uuid_generate_v7(),
    name varchar(255) NOT NULL,
    slug varchar(255) NOT NULL,
    display_name jsonb NOT NULL,
    description jsonb,
    subject jsonb NOT NULL,
    html_body jsonb NOT NULL,
    text_body jsonb NOT NULL,
    category varchar(255) NOT NULL DEFAULT 'transactional',
    status varchar(255) NOT NULL DEFAULT 'draft',
    variables jsonb DEFAULT '{}',
    metadata jsonb DEFAULT '{}',
    usage_count integer NOT NULL DEFAULT 0,
    last_used_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    is_system boolean NOT NULL DEFAULT false,
    created_by_user_uuid uuid,
    updated_by_user_uuid uuid,
    inserted_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX phoenix_kit_email_templates_name_index ON "prefix".phoenix_kit_email_templates (name);
CREATE UNIQUE INDEX phoenix_kit_email_templates_slug_index ON "prefix".phoenix_kit_email_templates (slug);
CREATE INDEX phoenix_kit_email_templates_category_index ON "prefix".phoenix_kit_email_templates (category);
CREATE INDEX phoenix_kit_email_templates_status_index ON "prefix".phoenix_kit_email_templates (status);
CREATE INDEX phoenix_kit_email_templates_is_system_index ON "prefix".phoenix_kit_email_templates (is_system);
CREATE INDEX phoenix_kit_email_templates_usage_count_index ON "prefix".phoenix_kit_email_templates (usage_count);
CREATE INDEX phoenix_kit_email_templates_last_used_at_index ON "prefix".phoenix_kit_email_templates (last_used_at);
CREATE INDEX phoenix_kit_email_templates_inserted_at_index ON "prefix".phoenix_kit_email_templates (inserted_at);
CREATE INDEX phoenix_kit_email_templates_category_status_index
    ON "prefix".phoenix_kit_email_templates (category, status);
CREATE INDEX phoenix_kit_email_templates_status_is_system_index
    ON "prefix".phoenix_kit_email_templates (status, is_system);

CREATE TABLE "prefix".phoenix_kit_email_metrics (
    uuid uuid NOT NULL PRIMARY KEY DEFAULT "prefix".uuid_generate_v7(),
    metric_key varchar(255) NOT NULL,
    value bigint NOT NULL DEFAULT 0,
    metadata jsonb DEFAULT '{}',
    metric_date date NOT NULL DEFAULT CURRENT_DATE,
    inserted_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX phoenix_kit_email_metrics_key_date_uidx
    ON "prefix".phoenix_kit_email_metrics (metric_key, metric_date);
CREATE INDEX phoenix_kit_email_metrics_date_idx ON "prefix".phoenix_kit_email_metrics (metric_date);

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

-- What this program made, `down` may drop, and nothing else: this comment is how it knows.
COMMENT ON TABLE "prefix".phoenix_kit_email_logs IS 'made by Aftersend';
COMMENT ON TABLE "prefix".phoenix_kit_email_events IS 'made by Aftersend';
COMMENT ON TABLE "prefix".phoenix_kit_email_blocklist IS 'made by Aftersend';
COMMENT ON TABLE "prefix".phoenix_kit_email_templates IS 'made by Aftersend';
COMMENT ON TABLE "prefix".phoenix_kit_email_metrics IS 'made by Aftersend';
COMMENT ON TABLE "prefix".phoenix_kit_email_orphaned_events IS 'made by Aftersend';
