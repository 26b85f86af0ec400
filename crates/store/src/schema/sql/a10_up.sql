-- Step a10: jobs that run by themselves, and what their last runs did. Tables of our own, which hold nothing of any mail.
-- squawk-ignore-file prefer-bigint-over-int -- the number of a session, which PostgreSQL has as int

-- One row for each job. It is locked while somebody begins or ends a run, so that there is one runner at a time.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_jobs (
    job text PRIMARY KEY,
    -- As who runs it by itself has it last; NULL: nobody does.
    schedule text,
    -- When a run is due; NULL: none is.
    next_at timestamptz,
    failures_in_a_row bigint NOT NULL DEFAULT 0,
    -- What all runs that have ended came to.
    totals jsonb NOT NULL DEFAULT '{}',
    -- The run that is at work, and when its runner was last heard of. A runner that has been silent for long has none.
    run_number bigint,
    heard_at timestamptz,
    -- The runner's session, where it is nobody else's: once that is gone, so is the runner.
    session_pid int,
    session_began_at timestamptz
);

-- The last runs of each job, some dozens of them.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_job_runs (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text NOT NULL,
    -- Which process of which machine.
    runner text NOT NULL,
    -- Whether the schedule had it run, or somebody.
    by_schedule boolean NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    outcome text CHECK (outcome IN ('done', 'failed', 'stopped')),
    -- What it did, or has done so far: counts and bytes by name.
    did jsonb NOT NULL DEFAULT '{}',
    -- What a failed run says; it names nobody, and no password.
    failure text
);
