//! Recipients of mails whose events were stored before there was a table for them.

use aftersend_simulator::{Plan, SCENARIOS_REQUIRED, events};
use serde_json::{Value, json};

use super::{names, status};
use crate::{
    schema::{DownOptions, MigrateError, Step, Target},
    testing::{Fixture, at, bounce, delivery, event_to, ingest_bodies, report, send},
};

/// All recipients, without what chance decides.
async fn recipients(fixture: &Fixture) -> Vec<Value> {
    fixture
        .rows(
            r#"SELECT to_jsonb(recipient) - 'email_log_uuid' AS recipient, mail.aws_message_id AS mail
               FROM "prefix".aftersend_recipients AS recipient
               JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = email_log_uuid
               ORDER BY mail.aws_message_id, address"#,
        )
        .await
}

/// A schema with made-up traffic in it, folded events among the rest.
async fn with_traffic(seed: u64) -> Fixture {
    let fixture = Fixture::new().await;
    let plan = Plan { seed, mails: SCENARIOS_REQUIRED, ..Plan::default() };
    let bodies: Vec<Vec<u8>> = events(&plan).iter().map(|event| event.json().into_bytes()).collect();
    let stored = ingest_bodies(&fixture.store, bodies.iter().map(Vec::as_slice)).await.unwrap();
    assert!(stored.folded > 0 && stored.stored > 100, "{stored:?}");
    fixture
}

#[tokio::test]
async fn what_was_stored_before_the_step_tells_its_recipients() {
    let fixture = with_traffic(1).await;
    let expected = recipients(&fixture).await;
    assert!(expected.len() > 100, "{}", expected.len());
    let mut migrator = fixture.migrator().await;
    // Without a3 alone, then without fingerprints.
    for to in [Step::A2, Step::A1] {
        migrator.down(Target::Step(to), DownOptions::default()).await.unwrap();
        assert_eq!(status(&fixture).await.unwrap().reached(), Some(to));
        let reports = migrator.up(Step::LATEST).await.unwrap();
        let notes = &reports.iter().find(|report| report.step == Step::A3).unwrap().notes;
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].ends_with(" recipients of mails whose events are stored already"), "{notes:?}");
        assert_eq!(recipients(&fixture).await, expected);
    }
}

/// What step a1 takes with it is no loss to the recipients that whole events tell.
#[tokio::test]
async fn rows_without_a_fingerprint_tell_recipients_too() {
    let fixture = Fixture::new().await;
    let two = ["ann@example.com", "bob@example.com"];
    let object = json!({ "timestamp": at("01:00"), "recipients": ["bob@example.com"] });
    let partly = event_to(&two, "m1", "Delivery", "delivery", object);
    let stored = [
        event_to(&two, "m1", "Send", "send", json!({})),
        partly,
        send("m2"),
        bounce("m2", "02:00", "Permanent", "f1"),
    ];
    assert_eq!(fixture.ingest(&stored).await, report(4, 0, 0));
    let expected = recipients(&fixture).await;
    assert_eq!(expected.len(), 3);
    let mut migrator = fixture.migrator().await;
    migrator.down(Target::Step(Step::V136), DownOptions::default()).await.unwrap();
    migrator.up(Step::LATEST).await.unwrap();
    assert_eq!(recipients(&fixture).await, expected);
}

/// As after a crash: some of the rows are there, and some of what they say.
#[tokio::test]
async fn a_broken_off_attempt_is_made_whole() {
    let fixture = with_traffic(2).await;
    let expected = recipients(&fixture).await;
    fixture
        .run(
            r#"DELETE FROM "prefix".aftersend_steps WHERE step = 'a3';
               DELETE FROM "prefix".aftersend_recipients WHERE address < 'k';
               UPDATE "prefix".aftersend_recipients SET delivered_at = NULL, listed = false WHERE address < 'r'"#,
        )
        .await;
    let mut migrator = fixture.migrator().await;
    assert_eq!(names(&migrator.up(Step::LATEST).await.unwrap()), [("a3", true)]);
    assert_eq!(recipients(&fixture).await, expected);
    // And where nothing is left to do, no row is written.
    let before = fixture
        .rows(r#"SELECT ctid::text, xmin::text FROM "prefix".aftersend_recipients ORDER BY ctid"#)
        .await;
    fixture.run(r#"DELETE FROM "prefix".aftersend_steps WHERE step = 'a3'"#).await;
    let reports = migrator.up(Step::LATEST).await.unwrap();
    assert_eq!(reports[0].notes, [""; 0]);
    let after = fixture
        .rows(r#"SELECT ctid::text, xmin::text FROM "prefix".aftersend_recipients ORDER BY ctid"#)
        .await;
    assert_eq!(before, after);
}

/// An application's row has a part of the event, which does not tell to whom the mail went.
#[tokio::test]
async fn what_an_application_stored_tells_no_recipients_and_what_we_learned_of_it_is_kept() {
    let fixture = Fixture::empty().await;
    let mut migrator = fixture.migrator().await;
    migrator.up(Step::A2).await.unwrap();
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", inserted_at, updated_at)
               VALUES ('pk_1', 'm1', 'ann@example.com', 'shop@example.com', now(), now());
               INSERT INTO "prefix".phoenix_kit_email_events
                   (email_log_uuid, event_type, occurred_at, event_data, inserted_at, updated_at)
               SELECT uuid, 'delivery', '2026-09-01T10:01:00Z', '{"recipients": ["ann@example.com"]}', now(), now()
               FROM "prefix".phoenix_kit_email_logs"#,
        )
        .await;
    let reports = migrator.up(Step::LATEST).await.unwrap();
    assert_eq!(
        (names(&reports), reports[0].notes.len()),
        (
            vec![
                ("a3", true),
                ("a4", true),
                ("a5", true),
                ("a6", true),
                ("a7", true),
                ("a8", true),
                ("a9", true),
                ("a10", true)
            ],
            0
        )
    );
    assert_eq!(recipients(&fixture).await, [Value::Null; 0]);
    // From the events themselves it is known, and nothing else tells it.
    assert_eq!(fixture.ingest(&[delivery("m1", "01:00")]).await, report(0, 1, 0));
    assert_eq!(recipients(&fixture).await.len(), 1);
    let refused = migrator.down(Target::Step(Step::A2), DownOptions::default()).await;
    assert!(
        matches!(&refused, Err(MigrateError::OwnData { step: Step::A3, rows }) if rows.starts_with("1 recipient")),
        "{refused:?}"
    );
    let told = DownOptions { discard_own_data: true, ..DownOptions::default() };
    assert_eq!(
        names(&migrator.down(Target::Step(Step::A2), told).await.unwrap()),
        [
            ("a10", false),
            ("a9", false),
            ("a8", false),
            ("a7", false),
            ("a6", false),
            ("a5", false),
            ("a4", false),
            ("a3", false)
        ]
    );
}
