-- Tables of ours that step 137 needs. They touch nobody else's.
-- squawk-ignore-file prefer-bigint-over-int -- hundredths, and process numbers, which pg_stat_activity has as int

-- The events that step 137 removes, whole, so that `down` can put them back. No foreign key: a row outlives its
-- mail, and is skipped then.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_removed_events (
    uuid uuid PRIMARY KEY,
    email_log_uuid uuid NOT NULL,
    -- The row that stayed in its place.
    kept_uuid uuid NOT NULL,
    step text NOT NULL,
    removed_at timestamptz NOT NULL DEFAULT now(),
    -- Every column it had, also those that this program does not know.
    "row" jsonb NOT NULL
);

-- How far a step is, for anybody who wants to know. One row.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_progress (
    singleton boolean PRIMARY KEY CHECK (singleton),
    step text NOT NULL,
    direction text NOT NULL,
    phase text NOT NULL,
    done bigint NOT NULL,
    total bigint,
    unit text NOT NULL,
    percent int,
    waits_for text,
    server_pid int NOT NULL,
    phase_began_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
