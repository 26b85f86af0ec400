-- Counters by day. Part of the contract, and used by nobody.
-- squawk-ignore-file prefer-text-field -- the types of V136, which are the contract
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
COMMENT ON TABLE "prefix".phoenix_kit_email_metrics IS 'made by Aftersend';
