-- Step a6: sums of figures by the recipients' domains, by reasons of bounces and by links, so that the lists of the
-- site's pages need not count mails. Tables of our own, which hold nothing that can't be told again.
-- squawk-ignore-file prefer-bigint-over-int -- mails of a quarter of an hour, or of a day; summed as int they become bigint, and bigint becomes numeric, which is slow

-- One row for each quarter of an hour, its columns side by side: a quarter has about as many pairs of template and domain
-- as it has mails, and rows of their own would take ten times the room.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_domains_by_quarter (
    starts_at timestamptz PRIMARY KEY,
    -- NULL in it: a mail of no template.
    template_names text[] NOT NULL,
    domains text[] NOT NULL,
    sent int[] NOT NULL,
    delivered int[] NOT NULL,
    bounced int[] NOT NULL,
    complained int[] NOT NULL
);

-- By days of UTC, of all mails.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_domains_by_day (
    starts_at timestamptz NOT NULL,
    domain text NOT NULL,
    sent int NOT NULL,
    delivered int NOT NULL,
    bounced int NOT NULL,
    complained int NOT NULL,
    PRIMARY KEY (starts_at, domain)
);
-- Harm befalls a tenth of a day's domains: the worst are found among these alone.
CREATE INDEX IF NOT EXISTS aftersend_domains_by_day_harmed_idx
    ON "prefix".aftersend_domains_by_day (starts_at, domain) INCLUDE (bounced, complained)
    WHERE bounced + complained > 0;

-- By days of UTC and template. A name is cut at 255 characters, since it is in a key.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_domains_by_template (
    starts_at timestamptz NOT NULL,
    template_name text NOT NULL,
    domain text NOT NULL,
    sent int NOT NULL,
    delivered int NOT NULL,
    bounced int NOT NULL,
    complained int NOT NULL,
    PRIMARY KEY (starts_at, template_name, domain)
);
CREATE INDEX IF NOT EXISTS aftersend_domains_by_template_harmed_idx
    ON "prefix".aftersend_domains_by_template (starts_at, template_name, domain) INCLUDE (bounced, complained)
    WHERE bounced + complained > 0;

CREATE TABLE IF NOT EXISTS "prefix".aftersend_bounces_by_quarter (
    starts_at timestamptz PRIMARY KEY,
    kinds text[] NOT NULL,
    subtypes text[] NOT NULL,
    codes text[] NOT NULL,
    bounces int[] NOT NULL
);

-- By days of UTC. A place in the day makes the key, since each of the rest may be unknown.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_bounces_by_day (
    starts_at timestamptz NOT NULL,
    place int NOT NULL,
    kind text,
    subtype text,
    code text,
    bounces int NOT NULL,
    PRIMARY KEY (starts_at, place)
);

CREATE TABLE IF NOT EXISTS "prefix".aftersend_links_by_quarter (
    starts_at timestamptz PRIMARY KEY,
    template_names text[] NOT NULL,
    links text[] NOT NULL,
    mails int[] NOT NULL,
    clicks int[] NOT NULL,
    machine_clicks int[] NOT NULL
);

-- By days of UTC and template.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_links_by_template (
    starts_at timestamptz NOT NULL,
    template_name text NOT NULL,
    -- SHA-256 of the link, or nothing where SES did not say which it was.
    link_hash bytea NOT NULL,
    link text,
    mails int NOT NULL,
    clicks int NOT NULL,
    machine_clicks int NOT NULL,
    PRIMARY KEY (starts_at, template_name, link_hash)
);

-- Nobody has counted any of it yet: all there is is looked through again.
UPDATE "prefix".aftersend_figure_scan SET scan_from = '0001-01-01T00:00:00Z', scan_below = '9999-01-01T00:00:00Z';
