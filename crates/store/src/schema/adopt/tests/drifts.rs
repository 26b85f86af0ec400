//! Ways in which tables drift.

/// What can be repaired, and a part of what is said about it where there are rows.
pub(super) const DRIFTS: &[(&str, &str)] = &[
    // Columns.
    (r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP COLUMN link_url"#, "link_url added"),
    (r#"ALTER TABLE "prefix".phoenix_kit_email_logs DROP COLUMN locale"#, "idx_email_logs_locale built"),
    (r#"ALTER TABLE "prefix".phoenix_kit_email_logs DROP COLUMN headers"#, "headers added"),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs DROP COLUMN inserted_at"#,
        "inserted_at added and filled with coalesce(sent_at",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs DROP COLUMN sent_at"#,
        "sent_at added and filled with coalesce(inserted_at",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP COLUMN occurred_at"#,
        "occurred_at added and filled with",
    ),
    (r#"ALTER TABLE "prefix".phoenix_kit_email_logs DROP COLUMN aws_message_id"#, "aws_message_id added"),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_metrics DROP COLUMN metric_date"#,
        "metric_date added and filled with",
    ),
    // NULL where it must not be, and the other way round.
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN attachments_count DROP NOT NULL;
           UPDATE "prefix".phoenix_kit_email_logs SET attachments_count = NULL WHERE message_id <> 'pk_1'"#,
        "attachments_count filled with 0 in",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN updated_at DROP NOT NULL;
           UPDATE "prefix".phoenix_kit_email_logs SET updated_at = NULL"#,
        "updated_at filled with",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events ALTER COLUMN event_type DROP NOT NULL"#,
        "may not be NULL any more",
    ),
    (
        r#"UPDATE "prefix".phoenix_kit_email_logs SET subject = '';
           ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN subject SET NOT NULL"#,
        "subject may be NULL again",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ADD CONSTRAINT aftersend_not_null_status CHECK (status IS NOT NULL)"#,
        "rid of the check",
    ),
    // Defaults.
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN status DROP DEFAULT"#,
        "given its default 'sent'",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events ALTER COLUMN uuid SET DEFAULT gen_random_uuid()"#,
        "given its default",
    ),
    // Types.
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN subject TYPE varchar(100)"#,
        "character varying(255) now",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN aws_message_id TYPE varchar(100)"#,
        "aws_message_id is",
    ),
    (r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN opened_at TYPE timestamp"#, "read as UTC"),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN sent_at TYPE timestamp(0),
           ALTER COLUMN inserted_at TYPE timestamptz(0)"#,
        "inserted_at is timestamp with time zone now",
    ),
    (r#"ALTER TABLE "prefix".phoenix_kit_email_metrics ALTER COLUMN value TYPE int"#, "value is bigint now"),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events ALTER COLUMN uuid DROP DEFAULT,
           ALTER COLUMN uuid TYPE varchar(255)"#,
        "uuid is uuid now",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN user_uuid TYPE text"#,
        "user_uuid is uuid now",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT IF EXISTS fk_email_events_email_log_uuid,
               ALTER COLUMN email_log_uuid TYPE varchar(255);
           ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN uuid DROP DEFAULT,
               ALTER COLUMN uuid TYPE varchar(255) USING upper(uuid::text);
           UPDATE "prefix".phoenix_kit_email_events SET email_log_uuid = upper(email_log_uuid);
           ALTER TABLE "prefix".phoenix_kit_email_events ADD CONSTRAINT some_key
               FOREIGN KEY (email_log_uuid) REFERENCES "prefix".phoenix_kit_email_logs (uuid)"#,
        "phoenix_kit_email_events.email_log_uuid is uuid now",
    ),
    // Keys.
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT phoenix_kit_email_events_pkey"#,
        "given its primary key",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs DROP CONSTRAINT phoenix_kit_email_logs_pkey CASCADE;
           ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN uuid DROP NOT NULL"#,
        "phoenix_kit_email_logs given its primary key",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs DROP CONSTRAINT phoenix_kit_email_logs_pkey CASCADE;
           CREATE UNIQUE INDEX phoenix_kit_email_logs_pkey ON "prefix".phoenix_kit_email_logs (uuid)"#,
        "phoenix_kit_email_logs given its primary key",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT phoenix_kit_email_events_pkey;
           CREATE UNIQUE INDEX phoenix_kit_email_events_pkey ON "prefix".phoenix_kit_email_events (uuid);
           UPDATE pg_index SET indisvalid = false
           WHERE indexrelid = to_regclass('"prefix".phoenix_kit_email_events_pkey')"#,
        "phoenix_kit_email_events_pkey, left by a build that failed, dropped",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT fk_email_events_email_log_uuid"#,
        "fk_email_events_email_log_uuid made and checked",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT fk_email_events_email_log_uuid;
           DELETE FROM "prefix".phoenix_kit_email_logs WHERE message_id = 'pk_2'"#,
        "of no mail moved to aftersend_removed_events",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT fk_email_events_email_log_uuid;
           DELETE FROM "prefix".phoenix_kit_email_logs WHERE message_id = 'pk_2';
           ALTER TABLE "prefix".phoenix_kit_email_events ADD CONSTRAINT other_key FOREIGN KEY (email_log_uuid)
               REFERENCES "prefix".phoenix_kit_email_logs (uuid) ON DELETE CASCADE NOT VALID"#,
        "of no mail moved to aftersend_removed_events",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events RENAME CONSTRAINT fk_email_events_email_log_uuid TO named_otherwise"#,
        "named_otherwise renamed to",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT fk_email_events_email_log_uuid,
           ADD CONSTRAINT fk_email_events_email_log_uuid FOREIGN KEY (email_log_uuid)
               REFERENCES "prefix".phoenix_kit_email_logs (uuid)"#,
        "made and checked",
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events ADD CONSTRAINT second_key FOREIGN KEY (email_log_uuid)
               REFERENCES "prefix".phoenix_kit_email_logs (uuid)"#,
        "second_key dropped",
    ),
    // Indexes.
    (r#"DROP INDEX "prefix".phoenix_kit_email_logs_status_sent_at_idx"#, "status_sent_at_idx built"),
    (r#"DROP INDEX "prefix".phoenix_kit_email_logs_message_id_uidx"#, "message_id_uidx built"),
    (
        r#"ALTER INDEX "prefix".phoenix_kit_email_logs_aws_message_id_uidx RENAME TO by_hand_1;
           ALTER INDEX "prefix".phoenix_kit_email_logs_aws_message_id_index RENAME TO by_hand_2"#,
        "by_hand_2 renamed to",
    ),
    (
        r#"UPDATE pg_index SET indisvalid = false
           WHERE indexrelid = to_regclass('"prefix".phoenix_kit_email_events_uuid_idx')"#,
        "phoenix_kit_email_events_uuid_idx, left by a build that failed, dropped",
    ),
    (
        r#"CREATE INDEX phoenix_kit_email_logs_sent_at_idx_ccnew ON "prefix".phoenix_kit_email_logs (sent_at);
           UPDATE pg_index SET indisvalid = false, indisready = false
           WHERE indexrelid = to_regclass('"prefix".phoenix_kit_email_logs_sent_at_idx_ccnew')"#,
        "_ccnew, left by a build that failed, dropped",
    ),
    // Tables.
    (r#"DROP TABLE "prefix".phoenix_kit_email_metrics"#, "the missing table phoenix_kit_email_metrics made"),
    (
        r#"DROP TABLE "prefix".phoenix_kit_email_templates"#,
        "the missing table phoenix_kit_email_templates made",
    ),
];

/// What can't be, and parts of what is said.
pub(super) const OBSTACLES: &[(&str, &[&str])] = &[
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP COLUMN event_type"#,
        &[
            "lacks the column event_type, and nobody can tell",
            "ADD COLUMN \"event_type\" character varying(255)",
        ],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN "to" DROP NOT NULL;
           UPDATE "prefix".phoenix_kit_email_logs SET "to" = NULL WHERE message_id = 'pk_1'"#,
        &[
            "phoenix_kit_email_logs.to may be NULL, and is in 1 row (uuid 01990000-0000-7000-8000-000000000001)",
        ],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN message_tags DROP DEFAULT,
           ALTER COLUMN message_tags TYPE json"#,
        &["message_tags is json instead of jsonb", "USING \"message_tags\"::jsonb;"],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events ALTER COLUMN uuid DROP DEFAULT,
           ALTER COLUMN uuid TYPE varchar(255);
           UPDATE "prefix".phoenix_kit_email_events SET uuid = 'none' WHERE uuid LIKE '%000101'"#,
        &["uuid is character varying(255) instead of uuid, and 1 row holds no UUID", "WHERE \"uuid\" !~"],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events ALTER COLUMN uuid DROP DEFAULT,
           ALTER COLUMN uuid TYPE varchar(255);
           UPDATE "prefix".phoenix_kit_email_events SET uuid = upper(replace(uuid, '1', 'a')) WHERE uuid LIKE '%000101';
           UPDATE "prefix".phoenix_kit_email_events SET uuid = lower((SELECT uuid FROM "prefix".phoenix_kit_email_events
               WHERE uuid LIKE '0A99%')) WHERE uuid LIKE '%000102'"#,
        &["and 1 key is there several times"],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT phoenix_kit_email_events_pkey;
           DROP INDEX "prefix".phoenix_kit_email_events_uuid_idx;
           INSERT INTO "prefix".phoenix_kit_email_events SELECT * FROM "prefix".phoenix_kit_email_events
               WHERE uuid::text LIKE '%000101'"#,
        &[
            "has no primary key, and 1 uuid is there several times (uuid 01990000-0000-7000-8000-000000000101)",
        ],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT phoenix_kit_email_events_pkey,
               ALTER COLUMN uuid DROP NOT NULL;
           UPDATE "prefix".phoenix_kit_email_events SET uuid = NULL WHERE uuid::text LIKE '%000101'"#,
        &["phoenix_kit_email_events.uuid may be NULL, and is in 1 row"],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_templates DROP CONSTRAINT phoenix_kit_email_templates_pkey,
           ADD COLUMN id bigserial PRIMARY KEY"#,
        &["the primary key of phoenix_kit_email_templates is (id) instead of (uuid)", "run them up to 136"],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT fk_email_events_email_log_uuid;
           CREATE TABLE "prefix".other (uuid uuid PRIMARY KEY);
           ALTER TABLE "prefix".phoenix_kit_email_events ADD CONSTRAINT elsewhere FOREIGN KEY (email_log_uuid)
               REFERENCES "prefix".other (uuid) NOT VALID"#,
        &[
            "elsewhere of phoenix_kit_email_events leads from email_log_uuid to other (uuid)",
            "DROP CONSTRAINT \"elsewhere\"",
        ],
    ),
    (
        r#"DROP INDEX "prefix".phoenix_kit_email_logs_message_id_uidx;
           UPDATE "prefix".phoenix_kit_email_logs SET message_id = 'pk_1' WHERE message_id = 'pk_2'"#,
        &[
            "message_id_uidx is missing, and 1 value is there several times by (message_id) (uuid 01990000",
            "Keep one row of each",
        ],
    ),
    (
        r#"DROP INDEX "prefix".phoenix_kit_email_logs_message_id_uidx;
           CREATE INDEX phoenix_kit_email_logs_message_id_uidx ON "prefix".phoenix_kit_email_logs (message_id)"#,
        &[
            "is there but of no use: it is not unique",
            "DROP INDEX \"prefix\".phoenix_kit_email_logs_message_id_uidx;",
        ],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN subject TYPE varchar(100);
           CREATE VIEW "prefix".subjects AS SELECT subject FROM "prefix".phoenix_kit_email_logs"#,
        &["subject is character varying(100)", "the view", "subjects stands on it"],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT fk_email_events_email_log_uuid;
           DROP TABLE "prefix".phoenix_kit_email_logs;
           CREATE TABLE "prefix".phoenix_kit_email_logs (uuid uuid) PARTITION BY HASH (uuid);
           CREATE INDEX phoenix_kit_email_logs_sent_at_idx ON "prefix".phoenix_kit_email_events (uuid, event_type)"#,
        &["phoenix_kit_email_logs is partitioned"],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT fk_email_events_email_log_uuid;
           DROP TABLE "prefix".phoenix_kit_email_logs;
           CREATE INDEX phoenix_kit_email_logs_sent_at_idx ON "prefix".phoenix_kit_email_templates (uuid, name)"#,
        &["the table phoenix_kit_email_logs is missing, and"],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ADD COLUMN tenant int;
           UPDATE "prefix".phoenix_kit_email_logs SET tenant = 1;
           ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN tenant SET NOT NULL"#,
        &["tenant, which PhoenixKit has not got, may not be NULL", "DROP NOT NULL;"],
    ),
];
