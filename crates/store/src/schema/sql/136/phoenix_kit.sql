-- The table whose comment is the version. PhoenixKit writes its rows; they say nothing of the tables.
-- squawk-ignore-file prefer-bigint-over-int, prefer-identity, prefer-timestamp-tz -- the types of V136, which are the contract
CREATE TABLE "prefix".phoenix_kit (
    id serial PRIMARY KEY,
    version integer NOT NULL UNIQUE,
    migrated_at timestamp NOT NULL DEFAULT now()
);
