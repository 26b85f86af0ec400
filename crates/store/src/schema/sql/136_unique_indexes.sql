-- What keeps mails and blocks from being doubled. A database that has drifted may lack it, and gets it back; where
-- it is there, nothing happens.
-- squawk-ignore require-concurrent-index-creation -- nothing where it is there; without it rows double
CREATE UNIQUE INDEX IF NOT EXISTS phoenix_kit_email_logs_message_id_uidx
    ON "prefix".phoenix_kit_email_logs (message_id);
-- squawk-ignore require-concurrent-index-creation -- nothing where it is there; without it rows double
CREATE UNIQUE INDEX IF NOT EXISTS phoenix_kit_email_logs_aws_message_id_uidx
    ON "prefix".phoenix_kit_email_logs (aws_message_id) WHERE aws_message_id IS NOT NULL;
-- squawk-ignore require-concurrent-index-creation -- nothing where it is there; without it rows double
CREATE UNIQUE INDEX IF NOT EXISTS phoenix_kit_email_blocklist_email_uidx
    ON "prefix".phoenix_kit_email_blocklist (email);
