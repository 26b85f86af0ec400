-- The events as a client has them when it has done its part: read, and with their keys and fingerprints. In every clone,
-- so that all runs begin alike; the product never sees it. The JSON stands there as text, which is how it arrives
-- from anywhere, and as it is (PLAIN), so that reading it costs nothing.
CREATE SCHEMA bench;
CREATE TABLE bench.staging (
    number integer PRIMARY KEY,
    mail integer NOT NULL,
    uuid uuid NOT NULL,
    aws_message_id text NOT NULL,
    address text NOT NULL,
    event_type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    ip_address text,
    user_agent text,
    link_url text,
    fingerprint uuid NOT NULL,
    event_data text NOT NULL
);
ALTER TABLE bench.staging ALTER COLUMN event_data SET STORAGE PLAIN;
