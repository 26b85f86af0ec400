//! A database that this program did not make.

use super::{assert_same_catalog, catalog, marker, names, with_text};
use crate::{
    BatchReport,
    schema::{DownOptions, MigrateError, Step, Target},
    testing::{Fixture, delivery, open, report},
};

async fn v136() -> Fixture {
    let fixture = Fixture::empty().await;
    fixture.run(include_str!("../../../test_data/v136_by_hand.sql")).await;
    fixture
}

/// The lines of a catalog that two hands write the same: the function and the tables' comments are each one's own.
fn shape(catalog: Vec<String>) -> Vec<String> {
    let own = |line: &String| line.starts_with("function ") || line.starts_with("table ");
    catalog.into_iter().filter(|line| !own(line)).collect()
}

#[tokio::test]
async fn our_tables_are_those_of_the_contract() {
    let (by_hand, ours) = (v136().await, Fixture::empty().await);
    ours.migrator().await.up(Step::V136).await.unwrap();
    assert_same_catalog(&shape(catalog(&ours).await), &shape(catalog(&by_hand).await));
    by_hand.migrator().await.up(Step::LATEST).await.unwrap();
    ours.migrator().await.up(Step::LATEST).await.unwrap();
    assert_same_catalog(&shape(catalog(&ours).await), &shape(catalog(&by_hand).await));
}

/// The last digits of the keys of rows.
async fn keys(fixture: &Fixture, from: &str) -> Vec<i64> {
    let query = format!("SELECT right(uuid::text, 12)::bigint AS key FROM {from} ORDER BY uuid");
    fixture.rows(&query).await.iter().map(|row| row["key"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn v137_leaves_exactly_the_rows_that_it_specifies() {
    let fixture = v136().await;
    fixture.run(include_str!("../../../test_data/v136_rows.sql")).await;
    let mails = keys(&fixture, r#""prefix".phoenix_kit_email_logs"#).await;
    let mut migrator = fixture.migrator().await;
    let reports = migrator.up(Step::V137).await.unwrap();
    assert_eq!(names(&reports), [("137", true)]);
    assert_eq!(
        reports[0].notes,
        [
            "2004 duplicate events removed, and kept in aftersend_removed_events",
            "6 mails given their SES id from their headers"
        ]
    );
    assert_eq!(marker(&fixture).await.as_deref(), Some("137"));

    let kept = keys(&fixture, r#""prefix".phoenix_kit_email_events"#).await;
    assert_eq!(kept, [101, 111, 112, 114, 121, 123, 124, 131, 132, 141, 10_001, 20_001]);
    assert_eq!(keys(&fixture, r#""prefix".phoenix_kit_email_logs"#).await, mails);
    let ids = fixture
        .rows(
            r#"SELECT right(uuid::text, 12)::int AS key, left(aws_message_id, 20) AS id
               FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id IS NOT NULL ORDER BY uuid"#,
        )
        .await;
    let ids: Vec<(i64, &str)> =
        ids.iter().map(|row| (row["key"].as_i64().unwrap(), row["id"].as_str().unwrap())).collect();
    let long = "y".repeat(20);
    let expected = [
        (1, "ses-1"),
        (2, "ses-2"),
        (3, "ses-3"),
        (11, "first"),
        (12, "second"),
        (13, "third"),
        (22, "twice"),
        (31, "behind an empty one"),
        (42, &*long),
    ];
    assert_eq!(ids, expected);

    // Nothing of it comes back with the indexes gone, and there is nothing left to do with them back.
    migrator.down(Target::Step(Step::V136), DownOptions::default()).await.unwrap();
    assert_eq!(keys(&fixture, r#""prefix".phoenix_kit_email_events"#).await, kept);
    let again = migrator.up(Step::LATEST).await.unwrap();
    assert_eq!(
        names(&again),
        [
            ("137", true),
            ("a1", true),
            ("a2", true),
            ("a3", true),
            ("a4", true),
            ("a5", true),
            ("a6", true),
            ("a7", true),
            ("a8", true),
            ("a9", true),
            ("a10", true)
        ]
    );
    assert!(again.iter().all(|report| report.notes.is_empty()), "{again:?}");
}

#[tokio::test]
async fn an_adopted_database_takes_events() {
    let fixture = v136().await;
    fixture.run(include_str!("../../../test_data/v136_rows.sql")).await;
    fixture.migrator().await.up(Step::LATEST).await.unwrap();
    fixture.store.require_schema().await.unwrap();
    let events = [delivery("first", "01:00"), open("first", "02:00", None), delivery("nobody's", "01:00")];
    // The application may yet log the mail that nobody knows.
    assert_eq!(fixture.ingest(&events).await, BatchReport { parked: 1, ..report(2, 0, 0) });
    let story = fixture.store.find_story("pk_11").await.unwrap().unwrap();
    assert_eq!(story.mail.summary.status, "opened");
    assert_eq!(story.occurrences.len(), 2);
    assert!(!story.mail.derived);
}

#[tokio::test]
async fn tables_that_others_made_are_not_dropped() {
    let fixture = v136().await;
    let expected = catalog(&fixture).await;
    let mut migrator = fixture.migrator().await;
    migrator.up(Step::LATEST).await.unwrap();
    let lose_all = DownOptions { discard_own_data: true, drop_data: true, ..DownOptions::default() };
    let refused = migrator.down(Target::Nothing, lose_all).await;
    assert!(matches!(refused, Err(MigrateError::NotOurs(_))), "{refused:?}");
    fixture.store.require_schema().await.unwrap();
    migrator.down(Target::Step(Step::V136), lose_all).await.unwrap();
    assert_same_catalog(&catalog(&fixture).await, &with_text(&expected));
}

/// An `up` that was ended after its unique indexes and before the marker can be given up for good.
#[tokio::test]
async fn an_up_that_was_broken_off_is_taken_back() {
    let fixture = v136().await;
    fixture.run(include_str!("../../../test_data/v136_rows.sql")).await;
    let before = (keys(&fixture, r#""prefix".phoenix_kit_email_events"#).await, catalog(&fixture).await);
    let mut migrator = fixture.migrator().await;
    migrator.up(Step::V137).await.unwrap();
    super::set_marker(&fixture, "'136'").await;
    let options = DownOptions { restore_removed: true, ..DownOptions::default() };
    migrator.down(Target::Step(Step::V136), options).await.unwrap();
    assert_eq!(keys(&fixture, r#""prefix".phoenix_kit_email_events"#).await, before.0);
    assert_same_catalog(&catalog(&fixture).await, &before.1);
    // And then there is nothing left to take back.
    assert!(migrator.down(Target::Step(Step::V136), options).await.unwrap().is_empty());
}
