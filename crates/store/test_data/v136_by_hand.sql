-- PhoenixKit's email tables at V136 as its application would have made them: another hand than that of step 136,
-- so that a slip in one shows against the other.
CREATE SCHEMA "prefix";

CREATE FUNCTION "prefix".uuid_generate_v7() RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    bytes bytea := substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
        || substring(uuid_send(gen_random_uuid()) FROM 7);
BEGIN
    bytes := set_byte(bytes, 6, (get_byte(bytes, 6) & 15) | 112);
    RETURN encode(bytes, 'hex')::uuid;
END
$$;

CREATE TABLE "prefix".phoenix_kit (id serial, version int NOT NULL, migrated_at timestamp DEFAULT now() NOT NULL);
ALTER TABLE "prefix".phoenix_kit ADD PRIMARY KEY (id);
ALTER TABLE "prefix".phoenix_kit ADD UNIQUE (version);
COMMENT ON TABLE "prefix".phoenix_kit IS '136';

CREATE TABLE "prefix".phoenix_kit_email_logs (
    "uuid" uuid DEFAULT "prefix".uuid_generate_v7() NOT NULL,
    "message_id" character varying(255) NOT NULL,
    "to" character varying(255) NOT NULL,
    "from" character varying(255) NOT NULL,
    "subject" character varying(255),
    "headers" jsonb DEFAULT '{}'::jsonb,
    "body_preview" text,
    "body_full" text,
    "template_name" character varying(255),
    "campaign_id" character varying(255),
    "attachments_count" integer DEFAULT 0 NOT NULL,
    "size_bytes" integer,
    "retry_count" integer DEFAULT 0 NOT NULL,
    "error_message" text,
    "status" character varying(255) DEFAULT 'sent' NOT NULL,
    "sent_at" timestamp with time zone DEFAULT now() NOT NULL,
    "delivered_at" timestamp with time zone,
    "configuration_set" character varying(255),
    "message_tags" jsonb DEFAULT '{}'::jsonb,
    "provider" character varying(255) DEFAULT 'unknown' NOT NULL,
    "inserted_at" timestamp with time zone NOT NULL,
    "updated_at" timestamp with time zone NOT NULL,
    "aws_message_id" character varying(255),
    "bounced_at" timestamp with time zone,
    "complained_at" timestamp with time zone,
    "opened_at" timestamp with time zone,
    "clicked_at" timestamp with time zone,
    "body_compressed" boolean DEFAULT false NOT NULL,
    "queued_at" timestamp with time zone,
    "rejected_at" timestamp with time zone,
    "failed_at" timestamp with time zone,
    "delayed_at" timestamp with time zone,
    "user_uuid" uuid,
    "locale" character varying(10) DEFAULT 'en' NOT NULL,
    PRIMARY KEY ("uuid")
);

CREATE TABLE "prefix".phoenix_kit_email_events (
    "uuid" uuid DEFAULT "prefix".uuid_generate_v7() NOT NULL,
    "email_log_uuid" uuid NOT NULL,
    "event_type" character varying(255) NOT NULL,
    "event_data" jsonb DEFAULT '{}'::jsonb,
    "occurred_at" timestamp with time zone DEFAULT now() NOT NULL,
    "ip_address" character varying(255),
    "user_agent" character varying(255),
    "geo_location" jsonb DEFAULT '{}'::jsonb,
    "link_url" character varying(255),
    "bounce_type" character varying(255),
    "complaint_type" character varying(255),
    "inserted_at" timestamp with time zone NOT NULL,
    "updated_at" timestamp with time zone NOT NULL,
    "reject_reason" character varying(255),
    "delay_type" character varying(255),
    "subscription_type" character varying(255),
    "failure_reason" character varying(255),
    PRIMARY KEY ("uuid"),
    CONSTRAINT fk_email_events_email_log_uuid FOREIGN KEY (email_log_uuid)
        REFERENCES "prefix".phoenix_kit_email_logs ("uuid") ON DELETE CASCADE
);

CREATE TABLE "prefix".phoenix_kit_email_blocklist (
    "uuid" uuid DEFAULT "prefix".uuid_generate_v7() NOT NULL,
    "email" character varying(255) NOT NULL,
    "reason" character varying(255) NOT NULL,
    "expires_at" timestamp with time zone,
    "inserted_at" timestamp with time zone DEFAULT now() NOT NULL,
    "updated_at" timestamp with time zone DEFAULT now() NOT NULL,
    "user_uuid" uuid,
    PRIMARY KEY ("uuid")
);

CREATE TABLE "prefix".phoenix_kit_email_templates (
    "uuid" uuid DEFAULT "prefix".uuid_generate_v7() NOT NULL,
    "name" character varying(255) NOT NULL,
    "slug" character varying(255) NOT NULL,
    "display_name" jsonb NOT NULL,
    "description" jsonb,
    "subject" jsonb NOT NULL,
    "html_body" jsonb NOT NULL,
    "text_body" jsonb NOT NULL,
    "category" character varying(255) DEFAULT 'transactional' NOT NULL,
    "status" character varying(255) DEFAULT 'draft' NOT NULL,
    "variables" jsonb DEFAULT '{}'::jsonb,
    "metadata" jsonb DEFAULT '{}'::jsonb,
    "usage_count" integer DEFAULT 0 NOT NULL,
    "last_used_at" timestamp with time zone,
    "version" integer DEFAULT 1 NOT NULL,
    "is_system" boolean DEFAULT false NOT NULL,
    "created_by_user_uuid" uuid,
    "updated_by_user_uuid" uuid,
    "inserted_at" timestamp with time zone NOT NULL,
    "updated_at" timestamp with time zone NOT NULL,
    PRIMARY KEY ("uuid")
);

CREATE TABLE "prefix".phoenix_kit_email_metrics (
    "uuid" uuid DEFAULT "prefix".uuid_generate_v7() NOT NULL,
    "metric_key" character varying(255) NOT NULL,
    "value" bigint DEFAULT 0 NOT NULL,
    "metadata" jsonb DEFAULT '{}'::jsonb,
    "metric_date" date DEFAULT CURRENT_DATE NOT NULL,
    "inserted_at" timestamp with time zone NOT NULL,
    "updated_at" timestamp with time zone NOT NULL,
    PRIMARY KEY ("uuid")
);

CREATE TABLE "prefix".phoenix_kit_email_orphaned_events (
    "uuid" uuid DEFAULT "prefix".uuid_generate_v7() NOT NULL,
    "aws_message_id" character varying(255) NOT NULL,
    "event_type" character varying(255) NOT NULL,
    "event_data" jsonb DEFAULT '{}'::jsonb NOT NULL,
    "received_at" timestamp with time zone DEFAULT now() NOT NULL,
    "matched" boolean DEFAULT false NOT NULL,
    "matched_at" timestamp with time zone,
    "matched_email_log_uuid" uuid,
    "error_message" text,
    "inserted_at" timestamp with time zone NOT NULL,
    "updated_at" timestamp with time zone NOT NULL,
    PRIMARY KEY ("uuid")
);

DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('email_logs', 'UNIQUE', 'phoenix_kit_email_logs_message_id_uidx', 'message_id'),
            ('email_logs', 'UNIQUE', 'phoenix_kit_email_logs_uuid_idx', 'uuid'),
            ('email_logs', '', 'phoenix_kit_email_logs_message_ids_idx', 'message_id, aws_message_id'),
            ('email_logs', '', 'phoenix_kit_email_logs_to_sent_at_idx', '"to", sent_at'),
            ('email_logs', '', 'phoenix_kit_email_logs_status_sent_at_idx', 'status, sent_at'),
            ('email_logs', '', 'phoenix_kit_email_logs_sent_at_idx', 'sent_at'),
            ('email_logs', '', 'phoenix_kit_email_logs_provider_sent_at_idx', 'provider, sent_at'),
            ('email_logs', '', 'phoenix_kit_email_logs_campaign_id_idx', 'campaign_id'),
            ('email_logs', '', 'phoenix_kit_email_logs_template_name_idx', 'template_name'),
            ('email_logs', '', 'phoenix_kit_email_logs_user_uuid_idx', 'user_uuid'),
            ('email_logs', '', 'idx_email_logs_locale', 'locale'),
            ('email_events', 'UNIQUE', 'phoenix_kit_email_events_uuid_idx', 'uuid'),
            ('email_events', '', 'phoenix_kit_email_events_occurred_at_idx', 'occurred_at'),
            ('email_events', '', 'phoenix_kit_email_events_type_occurred_at_idx', 'event_type, occurred_at'),
            ('email_events', '', 'phoenix_kit_email_events_email_log_uuid_idx', 'email_log_uuid'),
            ('email_blocklist', 'UNIQUE', 'phoenix_kit_email_blocklist_email_uidx', 'email'),
            ('email_blocklist', '', 'phoenix_kit_email_blocklist_expires_at_idx', 'expires_at'),
            ('email_blocklist', '', 'phoenix_kit_email_blocklist_email_expires_idx', 'email, expires_at'),
            ('email_blocklist', '', 'phoenix_kit_email_blocklist_reason_inserted_idx', 'reason, inserted_at'),
            ('email_blocklist', '', 'phoenix_kit_email_blocklist_user_uuid_idx', 'user_uuid'),
            ('email_templates', 'UNIQUE', 'phoenix_kit_email_templates_name_index', 'name'),
            ('email_templates', 'UNIQUE', 'phoenix_kit_email_templates_slug_index', 'slug'),
            ('email_templates', '', 'phoenix_kit_email_templates_category_index', 'category'),
            ('email_templates', '', 'phoenix_kit_email_templates_status_index', 'status'),
            ('email_templates', '', 'phoenix_kit_email_templates_is_system_index', 'is_system'),
            ('email_templates', '', 'phoenix_kit_email_templates_usage_count_index', 'usage_count'),
            ('email_templates', '', 'phoenix_kit_email_templates_last_used_at_index', 'last_used_at'),
            ('email_templates', '', 'phoenix_kit_email_templates_inserted_at_index', 'inserted_at'),
            ('email_templates', '', 'phoenix_kit_email_templates_category_status_index', 'category, status'),
            ('email_templates', '', 'phoenix_kit_email_templates_status_is_system_index', 'status, is_system'),
            ('email_metrics', 'UNIQUE', 'phoenix_kit_email_metrics_key_date_uidx', 'metric_key, metric_date'),
            ('email_metrics', '', 'phoenix_kit_email_metrics_date_idx', 'metric_date'),
            ('email_orphaned_events', '', 'phoenix_kit_orphaned_events_aws_id_idx', 'aws_message_id'),
            ('email_orphaned_events', '', 'phoenix_kit_orphaned_events_matched_idx', 'matched'),
            ('email_orphaned_events', '', 'phoenix_kit_orphaned_events_type_received_idx', 'event_type, received_at')
        ) AS listed (tail, uniqueness, name, keys)
    LOOP
        EXECUTE format('CREATE %s INDEX %I ON "prefix".%I (%s)', wanted.uniqueness, wanted.name,
                       'phoenix_kit_' || wanted.tail, wanted.keys);
    END LOOP;
END
$$;
CREATE UNIQUE INDEX phoenix_kit_email_logs_aws_message_id_uidx
    ON "prefix".phoenix_kit_email_logs (aws_message_id) WHERE aws_message_id IS NOT NULL;
CREATE UNIQUE INDEX phoenix_kit_email_logs_aws_message_id_index
    ON "prefix".phoenix_kit_email_logs (aws_message_id) WHERE aws_message_id IS NOT NULL;
