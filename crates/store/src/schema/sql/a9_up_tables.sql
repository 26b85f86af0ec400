-- Step a9: tables of our own for people who were erased. No address stands in them.

-- Keys that this database keeps for itself. One row: `erasure`, that of the hashes below.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_keys (
    name text PRIMARY KEY,
    key bytea NOT NULL
);

-- Addresses of people who were erased, each as HMAC-SHA256 of the address alone and in lower case.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_erased (
    address_hmac bytea PRIMARY KEY,
    -- What was sent before names the address nowhere.
    erased_at timestamptz NOT NULL,
    -- The block that the address had; NULL: it had none.
    block_reason text,
    block_expires_at timestamptz,
    blocked_at timestamptz
);

-- How far what is deleted after some time has been looked for. A row for each kind of thing.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_retention (
    kind text PRIMARY KEY,
    -- What happened before is done, but for what came in later than the longest that an event may take.
    done_below timestamptz NOT NULL
);
