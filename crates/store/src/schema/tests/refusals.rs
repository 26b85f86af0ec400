//! What is refused, in which words, and that nothing was changed then.

use aftersend_testkit::{Database, database::TestDatabase};

use super::{assert_same_catalog, catalog, marker, set_marker, status};
use crate::{
    Batch, DatabaseAddress, Poison, Prefix,
    schema::{DownOptions, MigrateError, Migrator, Step, Target},
    testing::{Fixture, assert_says, bounce, send},
};

/// Asserts that neither way is taken, with the same words, and that nothing is different afterwards.
async fn check_refused(fixture: &Fixture, parts: &[&str]) {
    let expected = catalog(fixture).await;
    let mut migrator = fixture.migrator().await;
    assert_says(migrator.up(Step::LATEST).await, parts);
    assert_same_catalog(&catalog(fixture).await, &expected);
}

#[tokio::test]
async fn a_marker_that_nobody_can_read() {
    let fixture = Fixture::empty().await;
    fixture.migrator().await.up(Step::V136).await.unwrap();
    let remedy = format!("COMMENT ON TABLE \"{}\".phoenix_kit IS '136';", fixture.prefix);
    for (comment, found) in [
        ("NULL", "has no comment"),
        ("''", "has no comment"),
        ("'V136'", "has the comment `V136`"),
        ("'-1'", "has the comment `-1`"),
        ("'99999999999999'", "has the comment `99999999999999`"),
    ] {
        set_marker(&fixture, comment).await;
        check_refused(&fixture, &[found, &remedy]).await;
        assert_says(status(&fixture).await, &[found]);
        let down = fixture.migrator().await.down(Target::Nothing, DownOptions::default()).await;
        assert_says(down, &[found]);
    }
}

#[tokio::test]
async fn a_version_before_the_baseline() {
    let fixture = Fixture::empty().await;
    fixture.migrator().await.up(Step::V136).await.unwrap();
    set_marker(&fixture, "'120'").await;
    check_refused(&fixture, &["version 120", "begins at 136", "PhoenixKit's own migrations"]).await;
    set_marker(&fixture, "'0'").await;
    check_refused(&fixture, &["marker table phoenix_kit is there and says 0"]).await;
}

#[tokio::test]
async fn tables_without_a_marker() {
    let fixture = Fixture::empty().await;
    fixture.run(r#"CREATE SCHEMA "prefix"; CREATE TABLE "prefix".phoenix_kit_email_logs (id int)"#).await;
    check_refused(
        &fixture,
        &["nothing was changed", "phoenix_kit_email_logs is there, but the marker table"],
    )
    .await;
}

#[tokio::test]
async fn tables_that_have_drifted() {
    let fixture = Fixture::empty().await;
    fixture.migrator().await.up(Step::V136).await.unwrap();
    fixture
        .run(
            r#"ALTER TABLE "prefix".phoenix_kit_email_events
                   ALTER COLUMN uuid DROP DEFAULT, ALTER COLUMN uuid TYPE varchar(255), DROP COLUMN link_url;
               ALTER TABLE "prefix".phoenix_kit_email_logs
                   ALTER COLUMN opened_at TYPE timestamp, ALTER COLUMN subject TYPE text;
               DROP TABLE "prefix".phoenix_kit_email_metrics"#,
        )
        .await;
    let parts = [
        "phoenix_kit_email_events.uuid is character varying instead of uuid",
        "phoenix_kit_email_events lacks the column link_url",
        "phoenix_kit_email_logs.opened_at is timestamp without time zone instead of timestamp with time zone",
        "the table phoenix_kit_email_metrics is missing",
    ];
    check_refused(&fixture, &parts).await;
    assert_eq!(marker(&fixture).await.as_deref(), Some("136"));
    // Wider is fine: that is no difference.
    let error = fixture.migrator().await.up(Step::LATEST).await.unwrap_err().to_string();
    assert!(!error.contains("subject"), "{error}");
    assert_eq!(error.matches("\n  - ").count(), parts.len(), "{error}");
}

#[tokio::test]
async fn a_step_of_a_newer_program() {
    let fixture = Fixture::new().await;
    fixture.run(r#"INSERT INTO "prefix".aftersend_steps VALUES ('a9', now(), '1 s', 'x')"#).await;
    check_refused(&fixture, &["step a9", "newer Aftersend"]).await;
    assert_says(status(&fixture).await, &["step a9"]);
    assert_says(fixture.store.require_schema().await, &["step a9"]);
    let lose_all = DownOptions { discard_own_data: true, drop_data: true };
    assert_says(fixture.migrator().await.down(Target::Nothing, lose_all).await, &["step a9"]);
}

#[tokio::test]
async fn rows_that_only_our_tables_hold() {
    let fixture = Fixture::new().await;
    fixture
        .ingest(&[
            send("m1"),
            bounce("m1", "01:00", "Transient", "f1"),
            bounce("m1", "02:00", "Permanent", "f2"),
        ])
        .await;
    let poison = Poison { body: b"{", reason: "broken".to_owned(), feed: "file", origin: "line 1".into() };
    fixture.store.ingest(&Batch { arrivals: Vec::new(), poisons: vec![poison] }).await.unwrap();
    let expected = catalog(&fixture).await;
    let mut migrator = fixture.migrator().await;
    for to in [Target::Step(Step::V137), Target::Step(Step::V136), Target::Nothing] {
        let options = DownOptions { discard_own_data: false, drop_data: true };
        let parts = ["1 folded events, 1 quarantined messages", "--discard-own-data"];
        assert_says(migrator.down(to, options).await, &parts);
        assert_same_catalog(&catalog(&fixture).await, &expected);
    }
    let discard = DownOptions { discard_own_data: true, drop_data: false };
    assert_says(migrator.down(Target::Nothing, discard).await, &["drops every mail", "--drop-data"]);
    assert_same_catalog(&catalog(&fixture).await, &expected);
    assert_eq!(migrator.down(Target::Step(Step::V136), discard).await.unwrap().len(), 2);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_events"#).await, 2);
}

#[tokio::test]
async fn a_user_who_may_only_read() {
    let fixture = Fixture::empty().await;
    // A role of PostgreSQL's own that may read everything; nobody has to make it or clean it up.
    let url = format!("{}&options=-c%20role%3Dpg_read_all_data", fixture.schema.url());
    let reader: DatabaseAddress = url.parse().unwrap();
    let mut migrator = Migrator::open(&reader, fixture.prefix.clone()).await.unwrap();
    let parts = ["step 136", "permission denied", "Have the schema made for you"];
    assert_says(migrator.up(Step::LATEST).await, &parts);
    drop(migrator);

    fixture.migrator().await.up(Step::V136).await.unwrap();
    let expected = catalog(&fixture).await;
    let mut migrator = Migrator::open(&reader, fixture.prefix.clone()).await.unwrap();
    let parts = ["step 137", "permission denied for table", "Run it as the owner of the tables"];
    assert_says(migrator.up(Step::LATEST).await, &parts);
    assert_same_catalog(&catalog(&fixture).await, &expected);
    assert_eq!(Migrator::status(&reader, &fixture.prefix).await.unwrap().reached(), Some(Step::V136));
}

#[tokio::test]
async fn a_database_that_takes_no_writes() {
    let fixture = Fixture::empty().await;
    let url = format!("{}&options=-c%20default_transaction_read_only%3Don", fixture.schema.url());
    fixture.migrator().await.up(Step::V136).await.unwrap();
    let mut migrator = Migrator::open(&url.parse().unwrap(), fixture.prefix.clone()).await.unwrap();
    assert_says(migrator.up(Step::LATEST).await, &["step 137", "read-only", "the primary's address"]);
}

/// A database of the test's own, for what is not a schema's.
struct Own {
    database: TestDatabase,
    address: DatabaseAddress,
    prefix: Prefix,
}

impl Own {
    async fn new() -> Self {
        let database = Database::get().await.fresh_database().await;
        let address = database.url().parse().unwrap();
        Self { database, address, prefix: "mail".parse().unwrap() }
    }

    async fn migrator(&self) -> Migrator {
        Migrator::open(&self.address, self.prefix.clone()).await.unwrap()
    }

    async fn trigrams(&self) -> (String, String) {
        let row = self
            .database
            .client()
            .await
            .query_one(
                "SELECT n.nspname::text, pg_get_indexdef('mail.phoenix_kit_email_logs_to_trgm_index'::regclass) \
                 FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'pg_trgm'",
                &[],
            )
            .await
            .unwrap();
        (row.get(0), row.get(1))
    }
}

#[tokio::test]
async fn trigrams_are_used_wherever_they_live() {
    let own = Own::new().await;
    let setup = "CREATE SCHEMA \"Odd name\"; CREATE EXTENSION pg_trgm SCHEMA \"Odd name\"";
    own.database.client().await.batch_execute(setup).await.unwrap();
    own.migrator().await.up(Step::LATEST).await.unwrap();
    let (schema, index) = own.trigrams().await;
    assert_eq!(schema, "Odd name");
    assert!(index.contains("\"Odd name\".gin_trgm_ops"), "{index}");
}

#[tokio::test]
async fn trigrams_are_made_where_there_are_none() {
    for (setup, expected) in [("", "public"), ("DROP SCHEMA public", "mail")] {
        let own = Own::new().await;
        own.database.client().await.batch_execute(setup).await.unwrap();
        own.migrator().await.up(Step::LATEST).await.unwrap();
        assert_eq!(own.trigrams().await.0, expected);
    }
}

#[tokio::test]
async fn an_invalid_index_is_named_with_what_to_do() {
    let own = Own::new().await;
    own.database.create_pg_trgm().await;
    own.migrator().await.up(Step::V136).await.unwrap();
    let client = own.database.client().await;
    client
        .batch_execute(
            "INSERT INTO mail.phoenix_kit_email_logs (message_id, \"to\", \"from\", inserted_at, updated_at) \
             VALUES ('m1', 'a', 'b', now(), now()); \
             INSERT INTO mail.phoenix_kit_email_events (email_log_uuid, event_type, inserted_at, updated_at) \
             SELECT uuid, 'send', now(), now() FROM mail.phoenix_kit_email_logs, generate_series(1, 2)",
        )
        .await
        .unwrap();
    // Fails on the duplicate, and leaves an index that keeps nothing out.
    let build = "CREATE UNIQUE INDEX CONCURRENTLY phoenix_kit_email_events_log_uuid_event_type_index \
                 ON mail.phoenix_kit_email_events (email_log_uuid, event_type) WHERE event_type NOT IN ('open', 'click')";
    client.batch_execute(build).await.unwrap_err();
    let remedy = "DROP INDEX \"mail\".phoenix_kit_email_events_log_uuid_event_type_index;";
    assert_says(own.migrator().await.up(Step::LATEST).await, &["invalid", remedy]);
    let status = Migrator::status(&own.address, &own.prefix).await.unwrap();
    assert_eq!((status.reached(), status.marker), (Some(Step::V136), Some(136)));
    client.batch_execute(remedy).await.unwrap();
    let reports = own.migrator().await.up(Step::LATEST).await.unwrap();
    assert_eq!(reports[0].notes, ["1 duplicate events removed"]);
}

#[tokio::test]
async fn a_table_that_somebody_holds() {
    let fixture = Fixture::empty().await;
    fixture.migrator().await.up(Step::V136).await.unwrap();
    let other = fixture.schema.client().await;
    let lock = fixture.sql(r#"BEGIN; LOCK TABLE "prefix".phoenix_kit_email_events IN ACCESS SHARE MODE"#);
    other.batch_execute(&lock).await.unwrap();
    // A reader is in nobody's way.
    fixture.migrator().await.up(Step::V137).await.unwrap();
    let mut migrator = fixture.migrator().await;
    let refused = migrator.down(Target::Step(Step::V136), DownOptions::default()).await;
    assert!(matches!(refused, Err(MigrateError::Locked { step: Step::V137 })), "{refused:?}");
    assert_eq!(marker(&fixture).await.as_deref(), Some("137"));
}
