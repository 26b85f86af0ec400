-- Step a5: sums of figures, so that a question about months need not count millions of mails. Tables of our own,
-- which hold
-- nothing that can't be told again.
-- squawk-ignore-file prefer-bigint-over-int -- mails of a quarter of an hour, or of a day; summed as int they become bigint, and bigint becomes numeric, which is slow

-- Quarters of an hour whose mails have changed since they were counted. No row of it is ever updated and none is
-- unique to a
-- quarter, so that nobody who stores events waits for anybody else. Rows come and go: it is kept small.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_figure_marks (
    -- When the quarter begins, in UTC.
    starts_at timestamptz NOT NULL,
    mark uuid NOT NULL DEFAULT gen_random_uuid(),
    -- When the transaction began that changed it.
    marked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (starts_at, mark)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- What is looked through for quarters with mails, from the newest to the oldest, each to be marked: at first all
-- there is,
-- since nobody has counted yet. One row.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_figure_scan (
    singleton boolean PRIMARY KEY CHECK (singleton),
    scan_from timestamptz NOT NULL,
    -- What was sent from here on is done; NULL: all of it is.
    scan_below timestamptz,
    -- When the last hours were last looked through for what an application has written by itself.
    swept_at timestamptz NOT NULL
);
INSERT INTO "prefix".aftersend_figure_scan (singleton, scan_from, scan_below, swept_at)
VALUES (true, '0001-01-01T00:00:00Z', '9999-01-01T00:00:00Z', now())
ON CONFLICT (singleton) DO UPDATE SET scan_from = excluded.scan_from, scan_below = excluded.scan_below;

CREATE TABLE IF NOT EXISTS "prefix".aftersend_figures_by_quarter (
    starts_at timestamptz PRIMARY KEY,
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
    machine_clicked int NOT NULL
);

-- By template, too. A place in the quarter makes the key, since mails may have no template.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_figures_by_template (
    starts_at timestamptz NOT NULL,
    place int NOT NULL,
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
    -- Mails that people opened, by the time to the first open: below 1 s, 2 s, 4 s, … and the rest.
    opened_within int[] NOT NULL,
    PRIMARY KEY (starts_at, place)
);
-- With the sums, since a template's rows lie apart: a question about 180 days takes less than half of the time from the index
-- alone.
CREATE INDEX IF NOT EXISTS aftersend_figures_by_template_idx
    ON "prefix".aftersend_figures_by_template (template_name, starts_at)
    INCLUDE (
        mails, sent, delivered, hard_bounced, soft_bounced, undetermined_bounced, not_tried, complained,
        possibly_complained, delayed, rejected, failed, delivered_mails, opened, machine_opened, clicked,
        machine_clicked
    );

-- The same by days of UTC: sums of the quarters.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_figures_by_day (
    starts_at timestamptz NOT NULL,
    place int NOT NULL,
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
    PRIMARY KEY (starts_at, place)
);
CREATE INDEX IF NOT EXISTS aftersend_figures_by_day_idx
    ON "prefix".aftersend_figures_by_day (template_name, starts_at);
