-- A row for each mail.
-- squawk-ignore-file prefer-text-field, prefer-bigint-over-int -- the types of V136, which are the contract
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
COMMENT ON TABLE "prefix".phoenix_kit_email_logs IS 'made by Aftersend';
