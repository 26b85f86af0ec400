-- Templates, by locale. PhoenixKit's own; Aftersend reads their names from mails.
-- squawk-ignore-file prefer-text-field, prefer-bigint-over-int -- the types of V136, which are the contract
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
COMMENT ON TABLE "prefix".phoenix_kit_email_templates IS 'made by Aftersend';
