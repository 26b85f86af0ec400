use super::{Difference, Verification};
use crate::{
    schema::{DownOptions, Migrator, Step, Target, tests::set_marker},
    testing::{Fixture, send},
};

async fn verify(fixture: &Fixture) -> Verification {
    Migrator::verify(&fixture.address, &fixture.prefix).await.unwrap()
}

/// Asserts that there is that one difference alone, with these parts in what it says and how it goes away.
#[track_caller]
fn assert_only(found: &[Difference], table: &str, what: &str, fix: &str) {
    let [difference] = found else { panic!("{found:#?}") };
    assert_eq!(difference.table, table);
    assert!(difference.what.contains(what), "`{what}` is not in {difference:?}");
    assert!(
        difference.fix.as_ref().is_some_and(|said| said.contains(fix)),
        "`{fix}` is not in {difference:?}"
    );
}

#[tokio::test]
async fn each_step_as_it_was_made_is_whole() {
    let fixture = Fixture::empty().await;
    assert_only(
        &verify(&fixture).await.differences,
        "phoenix_kit",
        "there are no tables",
        "aftersend migrate up --prefix",
    );
    for step in Step::ALL {
        fixture.migrator().await.up(step).await.unwrap();
        let found = verify(&fixture).await;
        assert_eq!(found.step, Some(step));
        assert!(found.is_whole() && found.notes.is_empty(), "{found:#?}");
    }
    fixture.ingest(&[send("m1")]).await;
    assert!(verify(&fixture).await.is_whole());
}

#[tokio::test]
async fn another_hands_tables_are_whole_too() {
    let fixture = Fixture::empty().await;
    fixture.run(include_str!("../../../test_data/v136_by_hand.sql")).await;
    fixture.run(include_str!("../../../test_data/v136_rows.sql")).await;
    let found = verify(&fixture).await;
    assert_eq!((found.marker, found.step), (Some(136), Some(Step::V136)));
    assert!(found.is_whole(), "{found:#?}");
    // Before 137, what that step will do is no difference.
    let notes: Vec<&str> = found.notes.iter().map(|note| &*note.what).collect();
    let parts = [
        "1003 events are there before by (email_log_uuid, event_type),",
        "1001 events",
        "6 mails have no SES id",
    ];
    assert_eq!(notes.len(), parts.len(), "{notes:#?}");
    for part in parts {
        assert!(notes.iter().any(|note| note.contains(part)), "`{part}` is not in {notes:#?}");
    }
    fixture.migrator().await.up(Step::V137).await.unwrap();
    let found = verify(&fixture).await;
    assert!(found.is_whole() && found.notes.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn each_difference_is_told_with_its_fix() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[send("m1")]).await;
    for (drift, undo, table, what, fix) in [
        (
            r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN status DROP DEFAULT"#,
            r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN status SET DEFAULT 'sent'"#,
            "phoenix_kit_email_logs",
            "phoenix_kit_email_logs.status has no default instead of the default 'sent'",
            "aftersend migrate up",
        ),
        (
            r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN opened_at TYPE timestamptz(0)"#,
            r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN opened_at TYPE timestamptz"#,
            "phoenix_kit_email_logs",
            "opened_at is timestamp(0) with time zone instead of",
            "ACCESS EXCLUSIVE",
        ),
        (
            r#"ALTER TABLE "prefix".phoenix_kit_email_events ADD COLUMN tenant int;
               UPDATE "prefix".phoenix_kit_email_events SET tenant = 1;
               ALTER TABLE "prefix".phoenix_kit_email_events ALTER COLUMN tenant SET NOT NULL"#,
            r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP COLUMN tenant"#,
            "phoenix_kit_email_events",
            "tenant, which PhoenixKit has not got, may not be NULL",
            "DROP NOT NULL",
        ),
        (
            r#"CREATE UNIQUE INDEX one_open ON "prefix".phoenix_kit_email_logs (opened_at)"#,
            r#"DROP INDEX "prefix".one_open"#,
            "phoenix_kit_email_logs",
            "one_open on phoenix_kit_email_logs (opened_at) refuses rows",
            "DROP INDEX CONCURRENTLY",
        ),
        (
            r#"DROP INDEX "prefix".phoenix_kit_email_logs_subject_trgm_index"#,
            "SELECT",
            "phoenix_kit_email_logs",
            "subject_trgm_index is missing",
            "aftersend migrate up",
        ),
        (
            r#"CREATE INDEX phoenix_kit_email_logs_sent_at_idx_ccnew ON "prefix".phoenix_kit_email_logs (sent_at)
                   WHERE body_full IS NOT NULL;
               UPDATE pg_index SET indisvalid = false
                   WHERE indexrelid = to_regclass('"prefix".phoenix_kit_email_logs_sent_at_idx_ccnew')"#,
            r#"DROP INDEX "prefix".phoenix_kit_email_logs_sent_at_idx_ccnew"#,
            "phoenix_kit_email_logs",
            "was left invalid by a build of phoenix_kit_email_logs_compress_scan_index",
            "DROP INDEX CONCURRENTLY IF EXISTS",
        ),
        (
            r#"DROP TABLE "prefix".aftersend_quarantine"#,
            "SELECT",
            "aftersend_quarantine",
            "the table of step a1 is missing",
            "aftersend migrate up",
        ),
        (
            r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP COLUMN aftersend_subtype"#,
            "SELECT",
            "phoenix_kit_email_events",
            "the column aftersend_subtype of step a1 is missing",
            "aftersend migrate up",
        ),
        (
            r#"COMMENT ON TABLE "prefix".phoenix_kit IS '120'"#,
            r#"COMMENT ON TABLE "prefix".phoenix_kit IS '137'"#,
            "phoenix_kit",
            "says version 120",
            "PhoenixKit's own migrations",
        ),
        (
            r#"COMMENT ON TABLE "prefix".phoenix_kit IS 'V137'"#,
            r#"COMMENT ON TABLE "prefix".phoenix_kit IS '137'"#,
            "phoenix_kit",
            "has the comment `V137`",
            "IS '136';",
        ),
        (
            r#"UPDATE "prefix".phoenix_kit_email_logs SET aws_message_id = NULL, headers = '{"MessageId": "m1"}'"#,
            r#"UPDATE "prefix".phoenix_kit_email_logs SET aws_message_id = 'm1'"#,
            "phoenix_kit_email_logs",
            "1 mail has no SES id though the headers give one",
            "UPDATE",
        ),
    ] {
        fixture.run(drift).await;
        let found = verify(&fixture).await;
        assert_only(&found.differences, table, what, fix);
        fixture.run(undo).await;
        fixture.migrator().await.up(Step::LATEST).await.unwrap();
        let found = verify(&fixture).await;
        assert!(found.is_whole(), "after {drift}: {found:#?}");
    }
}

#[tokio::test]
async fn what_is_not_text_is_told_once() {
    let fixture = Fixture::new().await;
    for (drift, table, what) in [
        (
            r#"ALTER TABLE "prefix".phoenix_kit_email_events ALTER COLUMN link_url TYPE varchar(255)"#,
            "phoenix_kit_email_events",
            "column link_url is not text, as step a2 makes it",
        ),
        (
            r#"DROP TABLE "prefix".aftersend_folded_events"#,
            "aftersend_folded_events",
            "the table of step a1 is missing",
        ),
    ] {
        fixture.run(drift).await;
        assert_only(&verify(&fixture).await.differences, table, what, "aftersend migrate up");
        fixture.migrator().await.up(Step::LATEST).await.unwrap();
        let found = verify(&fixture).await;
        assert!(found.is_whole() && found.notes.is_empty(), "after {drift}: {found:#?}");
    }
}

#[tokio::test]
async fn what_an_operator_has_added_is_a_note() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"ALTER TABLE "prefix".phoenix_kit_email_logs ADD COLUMN tenant int, ALTER COLUMN locale TYPE text,
                   ADD CONSTRAINT sent CHECK (sent_at > '1970-01-01');
               CREATE INDEX by_tenant ON "prefix".phoenix_kit_email_logs (tenant);
               CREATE INDEX by_sent_at ON "prefix".phoenix_kit_email_logs (sent_at);
               COMMENT ON TABLE "prefix".phoenix_kit IS '139'"#,
        )
        .await;
    let found = verify(&fixture).await;
    assert!(found.is_whole(), "{found:#?}");
    assert_eq!(found.marker, Some(139));
    let notes: Vec<String> = found.notes.iter().map(|note| note.what.clone()).collect();
    for part in [
        "column tenant, integer, is not PhoenixKit's",
        "column locale is wider",
        "the check sent",
        "index by_tenant is not PhoenixKit's",
        "index by_sent_at is the same as phoenix_kit_email_logs_sent_at_idx",
    ] {
        assert!(notes.iter().any(|note| note.contains(part)), "`{part}` is not in {notes:#?}");
    }
    assert_eq!(notes.len(), 5, "{notes:#?}");
}

#[tokio::test]
async fn duplicates_are_counted_where_no_index_keeps_them_out() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[send("m1")]).await;
    fixture
        .run(
            r#"DROP INDEX "prefix".phoenix_kit_email_events_log_uuid_event_type_index;
               INSERT INTO "prefix".phoenix_kit_email_events (email_log_uuid, event_type, inserted_at, updated_at)
               SELECT email_log_uuid, 'send', now(), now() FROM "prefix".phoenix_kit_email_events, generate_series(1, 4)"#,
        )
        .await;
    let found = verify(&fixture).await;
    let mail = fixture.row(r#"SELECT uuid FROM "prefix".phoenix_kit_email_logs"#).await["uuid"].clone();
    let said = format!(
        "4 events are there before by (email_log_uuid, event_type), most often of mail {}",
        mail.as_str().unwrap()
    );
    assert_eq!(found.differences.len(), 2, "{found:#?}");
    assert_eq!(found.differences[1].what, said);
    fixture.migrator().await.up(Step::LATEST).await.unwrap();
    assert!(verify(&fixture).await.is_whole());
}

/// Half a schema must not be taken for a whole one.
#[tokio::test]
async fn tables_without_a_marker_are_compared_all_the_same() {
    let fixture = Fixture::new().await;
    fixture.migrator().await.down(Target::Step(Step::V136), DownOptions::default()).await.unwrap();
    fixture.run(r#"DROP TABLE "prefix".phoenix_kit; DROP INDEX "prefix".idx_email_logs_locale"#).await;
    let found = verify(&fixture).await;
    let tables: Vec<&str> = found.differences.iter().map(|difference| &*difference.table).collect();
    assert_eq!(tables, ["phoenix_kit", "phoenix_kit_email_logs"], "{found:#?}");
    // What it says is to be done about that helps.
    let fix = found.differences[0].fix.clone().unwrap();
    fixture.run(fix.split_once(": ").unwrap().1).await;
    fixture.migrator().await.up(Step::V136).await.unwrap();
    assert!(verify(&fixture).await.is_whole());
    set_marker(&fixture, "NULL").await;
    assert!(!verify(&fixture).await.is_whole());
}
