-- Addresses that must not be sent to.
-- squawk-ignore-file prefer-text-field -- the types of V136, which are the contract
CREATE TABLE "prefix".phoenix_kit_email_blocklist (
    uuid uuid NOT NULL PRIMARY KEY DEFAULT "prefix".uuid_generate_v7(),
    email varchar(255) NOT NULL,
    reason varchar(255) NOT NULL,
    expires_at timestamptz,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    user_uuid uuid
);
CREATE UNIQUE INDEX phoenix_kit_email_blocklist_email_uidx ON "prefix".phoenix_kit_email_blocklist (email);
CREATE INDEX phoenix_kit_email_blocklist_expires_at_idx ON "prefix".phoenix_kit_email_blocklist (expires_at);
CREATE INDEX phoenix_kit_email_blocklist_email_expires_idx
    ON "prefix".phoenix_kit_email_blocklist (email, expires_at);
CREATE INDEX phoenix_kit_email_blocklist_reason_inserted_idx
    ON "prefix".phoenix_kit_email_blocklist (reason, inserted_at);
CREATE INDEX phoenix_kit_email_blocklist_user_uuid_idx ON "prefix".phoenix_kit_email_blocklist (user_uuid);
COMMENT ON TABLE "prefix".phoenix_kit_email_blocklist IS 'made by Aftersend';
