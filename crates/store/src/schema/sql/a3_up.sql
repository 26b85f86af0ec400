-- Step a3: what became of a mail for each of its recipients. The foreign key keeps writers of mails out for the moment
-- that it takes to make it.
-- The earliest time of each thing that befell a recipient; its state, the highest in rank of these, is not stored, so
-- that none can be wrong. No index on the times, and half of each page left free: a row is written when its mail is sent,
-- and once more when it has arrived, as a rule; that one finds room in the row's own page then, and no index is written.
-- Measured with both in batches of their own: 93 % of updates in the row's page instead of none, indexes of 15 MB instead
-- of 24 on 100,000 rows, and the table as large (18 MB and 17).
-- https://www.postgresql.org/docs/current/storage-hot.html
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
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS aftersend_recipients_address_idx ON "prefix".aftersend_recipients (address, email_log_uuid);
