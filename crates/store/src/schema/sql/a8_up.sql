-- Step a8: what is known of mails in the archive, and what outlives them here. Tables of our own.
-- squawk-ignore-file prefer-bigint-over-int -- events of a mail, and figures as step a5 has them
-- squawk-ignore-file require-concurrent-index-creation -- nothing stands in these tables yet; the rows that step 137 removed are written by nobody but migrations

-- What was done, run by run.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_archive_runs (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Where to, without credentials.
    store text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    objects bigint NOT NULL DEFAULT 0,
    mails bigint NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    late_events bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    removed_mails bigint NOT NULL DEFAULT 0,
    -- Mails that were due and stay: their stored bodies are damaged.
    unreadable_mails bigint NOT NULL DEFAULT 0,
    first_unreadable uuid,
    -- Of a run that got to its end: all mails that were sent before this have been gone through, by this run or the ones
    -- before it; and whether it went through all of them itself.
    walked_below timestamptz,
    is_whole boolean NOT NULL DEFAULT false,
    -- Why it ended early.
    failure text
);

-- Each object: written down before its first byte is sent, so that none is there of which nobody knows.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_archive_objects (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_number bigint NOT NULL,
    name text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('mails', 'late')),
    -- written: being written, or written and not proven. verified: read back, and as it was sent. deleted: verified, and
    -- its mails are gone from here. abandoned: to be removed there, or removed.
    state text NOT NULL CHECK (state IN ('written', 'verified', 'deleted', 'abandoned')),
    mails bigint,
    events bigint,
    -- As it is there, and decompressed.
    bytes bigint,
    content_bytes bigint,
    sha256 bytea,
    first_sent_at timestamptz,
    last_sent_at timestamptz,
    written_at timestamptz NOT NULL DEFAULT now(),
    verified_at timestamptz,
    deleted_at timestamptz,
    failure text
);

-- One row for each mail in the archive, here or gone. No address, no subject: it outlives them.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_archived_mails (
    email_log_uuid uuid PRIMARY KEY,
    object_number bigint NOT NULL,
    -- Of the mail with all that belongs to it, as it went there.
    digest bytea NOT NULL,
    -- Of a mail that is here and was in the archive as it was until this program compressed its body or deleted a part of
    -- it: what it is now. The archive still has all of it.
    here_digest bytea,
    archived_at timestamptz NOT NULL DEFAULT now(),
    -- By these a mail that has changed since is found without reading it whole. -1: it has, and goes there again.
    mail_updated_at timestamptz,
    events int NOT NULL,
    removed_at timestamptz,
    restored_at timestamptz,
    -- Of a mail that is gone: its own id where SES knew it by another one, the occurrences that the archive has, and
    -- hashes of their JSON. 24 bytes an event.
    message_id text,
    fingerprints uuid[],
    record_hashes bigint[],
    -- Objects with what came of it after it was gone.
    late_objects bigint[]
);
CREATE INDEX IF NOT EXISTS aftersend_archived_mails_here_idx
    ON "prefix".aftersend_archived_mails (object_number, email_log_uuid) WHERE removed_at IS NULL;
CREATE INDEX IF NOT EXISTS aftersend_archived_mails_due_idx
    ON "prefix".aftersend_archived_mails (email_log_uuid) WHERE events = -1 AND removed_at IS NULL;
CREATE INDEX IF NOT EXISTS aftersend_archived_mails_object_idx ON "prefix".aftersend_archived_mails (object_number);
CREATE INDEX IF NOT EXISTS aftersend_archived_mails_message_id_idx
    ON "prefix".aftersend_archived_mails (message_id) WHERE message_id IS NOT NULL;

-- Events of mails that are gone to the archive, until the next object takes them there.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_late_events (
    email_log_uuid uuid NOT NULL,
    -- The fingerprint for the first record of an occurrence, and a hash for what else says something of it.
    record uuid NOT NULL,
    fingerprint uuid NOT NULL,
    aws_message_id text NOT NULL,
    event_data jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (email_log_uuid, record)
);

-- Figures of mails that are gone, to be added to what a recount tells of those that are here. A mail that comes back
-- adds a row with the opposite numbers.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_removed_figures (
    starts_at timestamptz NOT NULL,
    delta uuid NOT NULL DEFAULT gen_random_uuid(),
    template_name text,
    mails int NOT NULL,
    sent int NOT NULL,
    delivered int NOT NULL,
    hard_bounced int NOT NULL,
    soft_bounced int NOT NULL,
    undetermined_bounced int NOT NULL,
    not_tried int NOT NULL,
    complained int NOT NULL,
    possibly_complained int NOT NULL,
    delayed int NOT NULL,
    rejected int NOT NULL,
    failed int NOT NULL,
    delivered_mails int NOT NULL,
    opened int NOT NULL,
    machine_opened int NOT NULL,
    clicked int NOT NULL,
    machine_clicked int NOT NULL,
    opened_within int[] NOT NULL,
    PRIMARY KEY (starts_at, delta)
);

-- The same for the lists of step a6, columns side by side as there: a row for each quarter of what goes at once. Names and
-- links of people who are erased change here, too; nothing else does.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_removed_domains (
    starts_at timestamptz NOT NULL,
    delta uuid NOT NULL DEFAULT gen_random_uuid(),
    template_names text[] NOT NULL,
    domains text[] NOT NULL,
    sent int[] NOT NULL,
    delivered int[] NOT NULL,
    bounced int[] NOT NULL,
    complained int[] NOT NULL,
    PRIMARY KEY (starts_at, delta)
);
CREATE TABLE IF NOT EXISTS "prefix".aftersend_removed_bounces (
    starts_at timestamptz NOT NULL,
    delta uuid NOT NULL DEFAULT gen_random_uuid(),
    kinds text[] NOT NULL,
    subtypes text[] NOT NULL,
    codes text[] NOT NULL,
    bounces int[] NOT NULL,
    PRIMARY KEY (starts_at, delta)
);
CREATE TABLE IF NOT EXISTS "prefix".aftersend_removed_links (
    starts_at timestamptz NOT NULL,
    delta uuid NOT NULL DEFAULT gen_random_uuid(),
    template_names text[] NOT NULL,
    links text[] NOT NULL,
    mails int[] NOT NULL,
    clicks int[] NOT NULL,
    machine_clicks int[] NOT NULL,
    PRIMARY KEY (starts_at, delta)
);

-- The rows that step 137 removed go to the archive with their mail.
CREATE INDEX IF NOT EXISTS aftersend_removed_events_mail_idx
    ON "prefix".aftersend_removed_events (email_log_uuid);
