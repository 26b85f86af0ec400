-- Step a7: bodies of older mails, compressed, outside of the mails' table. Tables of our own, empty at first.
-- squawk-ignore-file prefer-bigint-over-int -- eight bytes with each of millions of bodies, for numbers that count dictionaries and bytes of one body

-- What bodies of one template and month have in common: what the compressed bodies leave out. It holds nothing of one
-- person's. Kept while a body refers to it.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_body_dictionaries (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    template_name text,
    -- Its first day, by the time of sending in UTC.
    month date NOT NULL,
    -- The dictionary, itself compressed.
    packed bytea NOT NULL,
    -- Its length.
    bytes int NOT NULL,
    -- How many bodies it was made from.
    made_from int NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE "prefix".aftersend_body_dictionaries ALTER COLUMN packed SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS aftersend_body_dictionaries_idx
    ON "prefix".aftersend_body_dictionaries (template_name, month);

-- Bodies that several mails have.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_shared_bodies (
    digest bigint NOT NULL UNIQUE,
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bytes int NOT NULL,
    dictionary_id int REFERENCES "prefix".aftersend_body_dictionaries (id),
    compressed bytea NOT NULL
);
ALTER TABLE "prefix".aftersend_shared_bodies ALTER COLUMN compressed SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS aftersend_shared_bodies_dictionary_idx
    ON "prefix".aftersend_shared_bodies (dictionary_id);

-- The body of each mail whose body was compressed: its own bytes, or the shared ones. Columns are ordered so that
-- nothing is lost to alignment.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_bodies (
    -- The first 64 bits of SHA-256 of the body: a checksum, and what finds the same body.
    digest bigint NOT NULL,
    email_log_uuid uuid PRIMARY KEY REFERENCES "prefix".phoenix_kit_email_logs (uuid) ON DELETE CASCADE,
    -- The body's own length.
    bytes int NOT NULL,
    dictionary_id int REFERENCES "prefix".aftersend_body_dictionaries (id),
    shared_id int REFERENCES "prefix".aftersend_shared_bodies (id),
    compressed bytea,
    CHECK ((compressed IS NULL) <> (shared_id IS NULL))
);
-- It is compressed already.
ALTER TABLE "prefix".aftersend_bodies ALTER COLUMN compressed SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS aftersend_bodies_digest_idx
    ON "prefix".aftersend_bodies (digest) WHERE shared_id IS NULL;
CREATE INDEX IF NOT EXISTS aftersend_bodies_dictionary_idx
    ON "prefix".aftersend_bodies (dictionary_id) WHERE dictionary_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS aftersend_bodies_shared_idx
    ON "prefix".aftersend_bodies (shared_id) WHERE shared_id IS NOT NULL;

-- Bodies that stay as they are, since they would be no smaller or can't be read: not tried again while the mail's row is
-- the same (its xmin).
CREATE TABLE IF NOT EXISTS "prefix".aftersend_kept_bodies (
    email_log_uuid uuid PRIMARY KEY REFERENCES "prefix".phoenix_kit_email_logs (uuid) ON DELETE CASCADE,
    row_version bigint NOT NULL
);
