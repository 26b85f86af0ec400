-- Step a3: what became of a mail for each of its recipients. The foreign key keeps writers of mails out for the moment
-- that it takes to make it.
-- The earliest time of each thing that befell a recipient; its state, the highest in rank of these, is not stored, so
-- that none can be wrong. No index on the times, and room left in each page: then an event that sets one finds a place
-- in the row's own page, and no index is written.
CREATE TABLE IF NOT EXISTS "prefix".aftersend_recipients (
    email_log_uuid uuid NOT NULL REFERENCES "prefix".phoenix_kit_email_logs (uuid) ON DELETE CASCADE,
    -- Alone and in lower case, compared byte by byte.
    address text COLLATE "C" NOT NULL,
    -- Whether the mail went there; else a server has named it, and it counts nowhere.
    listed boolean NOT NULL,
    delayed_at timestamptz,
    soft_bounced_at timestamptz,
    bounced_at timestamptz,
    delivered_at timestamptz,
    possibly_complained_at timestamptz,
    not_tried_at timestamptz,
    hard_bounced_at timestamptz,
    failed_at timestamptz,
    rejected_at timestamptz,
    complained_at timestamptz,
    PRIMARY KEY (email_log_uuid, address)
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS aftersend_recipients_address_idx ON "prefix".aftersend_recipients (address, email_log_uuid);
