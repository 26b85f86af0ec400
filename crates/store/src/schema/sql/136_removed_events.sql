-- Rows that a step took out of the events, whole, so that they can be put back.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_removed_events (
    uuid uuid PRIMARY KEY,
    email_log_uuid uuid NOT NULL,
    kept_uuid uuid NOT NULL,
    step text NOT NULL,
    removed_at timestamptz NOT NULL DEFAULT now(),
    "row" jsonb NOT NULL
)
