//! What is refused, in which words, and that nothing was changed then.

use std::time::Duration;

use super::{assert_same_catalog, catalog, marker, set_marker, status};
use crate::{
    Batch, DatabaseAddress, Poison,
    schema::{DownOptions, Limits, Migrator, Step, Target},
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
async fn an_index_that_has_the_name_alone() {
    let fixture = Fixture::new().await;
    for (index, made, said) in [
        (
            "phoenix_kit_email_events_log_uuid_event_type_index",
            "INDEX {} ON \"prefix\".phoenix_kit_email_events (email_log_uuid, event_type)",
            "not unique",
        ),
        (
            "phoenix_kit_email_events_log_uuid_type_occurred_index",
            "UNIQUE INDEX {} ON \"prefix\".phoenix_kit_email_events (email_log_uuid, event_type, occurred_at) \
             WHERE event_type = 'open'",
            "for other rows",
        ),
        (
            "phoenix_kit_email_events_log_uuid_type_occurred_index",
            "UNIQUE INDEX {} ON \"prefix\".phoenix_kit_email_events (email_log_uuid, event_type, uuid)",
            "on email_log_uuid, event_type, uuid instead of email_log_uuid, event_type, occurred_at",
        ),
        (
            "phoenix_kit_email_logs_to_trgm_index",
            "INDEX {} ON \"prefix\".phoenix_kit_email_logs (\"to\")",
            "not of the kind gin",
        ),
        (
            "phoenix_kit_email_logs_compress_scan_index",
            "INDEX {} ON \"prefix\".phoenix_kit_email_templates (usage_count)",
            "on another table",
        ),
        (
            "phoenix_kit_email_logs_aws_message_id_uidx",
            "INDEX {} ON \"prefix\".phoenix_kit_email_logs (aws_message_id) WHERE aws_message_id IS NOT NULL",
            "not unique",
        ),
        (
            "phoenix_kit_email_blocklist_email_uidx",
            "INDEX {} ON \"prefix\".phoenix_kit_email_blocklist (email)",
            "not unique",
        ),
    ] {
        let made = made.replace("{}", index);
        fixture.run(&format!(r#"DROP INDEX "prefix".{index}; CREATE {made}"#)).await;
        let lacks: Vec<String> =
            status(&fixture).await.unwrap().steps.into_iter().flat_map(|step| step.lacks).collect();
        assert_eq!(lacks, [index]);
        let remedy = format!("DROP INDEX \"{}\".{index};", fixture.prefix);
        check_refused(&fixture, &["of no use: it is", said, &remedy]).await;
        fixture.run(&remedy).await;
        fixture.migrator().await.up(Step::LATEST).await.unwrap();
        fixture.store.require_schema().await.unwrap();
    }
}

/// Wider columns and another order in the predicate make the same index.
#[tokio::test]
async fn an_index_that_is_printed_otherwise_is_the_same() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"DROP INDEX "prefix".phoenix_kit_email_events_log_uuid_event_type_index;
               ALTER TABLE "prefix".phoenix_kit_email_events ALTER COLUMN event_type TYPE text;
               CREATE UNIQUE INDEX phoenix_kit_email_events_log_uuid_event_type_index
               ON "prefix".phoenix_kit_email_events (email_log_uuid, event_type)
               WHERE event_type NOT IN ('click', 'open')"#,
        )
        .await;
    fixture.store.require_schema().await.unwrap();
    assert_eq!(fixture.ingest(&[send("m1")]).await.stored, 1);
}

#[tokio::test]
async fn a_step_of_a_newer_program() {
    let fixture = Fixture::new().await;
    fixture.run(r#"INSERT INTO "prefix".aftersend_steps VALUES ('a99', now(), '1 s', 'x')"#).await;
    check_refused(&fixture, &["step a9", "newer Aftersend"]).await;
    assert_says(status(&fixture).await, &["step a9"]);
    assert_says(fixture.store.require_schema().await, &["step a9"]);
    let lose_all = DownOptions { discard_own_data: true, drop_data: true, ..DownOptions::default() };
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
        let options = DownOptions { discard_own_data: false, drop_data: true, ..DownOptions::default() };
        let parts = ["1 folded events, 1 quarantined messages", "--discard-own-data"];
        assert_says(migrator.down(to, options).await, &parts);
        assert_same_catalog(&catalog(&fixture).await, &expected);
    }
    let discard = DownOptions { discard_own_data: true, drop_data: false, ..DownOptions::default() };
    assert_says(migrator.down(Target::Nothing, discard).await, &["drops every mail", "--drop-data"]);
    assert_same_catalog(&catalog(&fixture).await, &expected);
    assert_eq!(migrator.down(Target::Step(Step::V136), discard).await.unwrap().len(), 11);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_events"#).await, 2);
}

/// Somebody uses the table of orphaned events after all: their rows stay as they are, whichever way the step goes.
#[tokio::test]
async fn parked_events_and_those_of_somebody_else() {
    let fixture = Fixture::empty().await;
    let mut migrator = fixture.migrator().await;
    migrator.up(Step::A3).await.unwrap();
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_orphaned_events
                   (aws_message_id, event_type, inserted_at, updated_at)
               VALUES ('m1', 'send', now(), now())"#,
        )
        .await;
    let before = catalog(&fixture).await;
    migrator.up(Step::LATEST).await.unwrap();
    let parking = crate::UnknownMails::Park { park_for: Duration::from_hours(1) };
    let store = fixture.store.clone().with_unknown_mails(parking);
    let bodies = [send("m1").to_string()];
    let parked =
        crate::testing::ingest_bodies(&store, bodies.iter().map(String::as_bytes)).await.unwrap().parked;
    assert_eq!((parked, store.parked().await.unwrap().events), (1, 1));

    let refused = migrator.down(Target::Step(Step::A3), DownOptions::default()).await;
    assert_says(refused, &["step a4", "1 parked events", "--discard-own-data"]);
    let discard = DownOptions { discard_own_data: true, ..DownOptions::default() };
    migrator.down(Target::Step(Step::A3), discard).await.unwrap();
    assert_same_catalog(&catalog(&fixture).await, &before);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_orphaned_events"#).await, 1);
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
    let parts = ["step 137", "only their owner may alter the tables", "Run it as the owner of the tables"];
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

#[tokio::test]
async fn a_table_that_somebody_holds() {
    let fixture = Fixture::empty().await;
    fixture.migrator().await.up(Step::V136).await.unwrap();
    let other = fixture.schema.client().await;
    let lock = fixture.sql(r#"BEGIN; LOCK TABLE "prefix".phoenix_kit_email_events IN ACCESS SHARE MODE"#);
    other.batch_execute(&lock).await.unwrap();
    let mut migrator = fixture.migrator().await;
    // A reader is in nobody's way.
    migrator.up(Step::V137).await.unwrap();
    let limits = Limits { wait_budget: Duration::from_millis(500), ..Limits::default() };
    let refused =
        migrator.down(Target::Step(Step::V136), DownOptions { limits, ..DownOptions::default() }).await;
    // It holds up nobody by waiting for the reader, and says who that is.
    assert_says(refused, &["step 137 waited", "idle in transaction", "--wait-budget"]);
    assert_eq!(marker(&fixture).await.as_deref(), Some("137"));
}
