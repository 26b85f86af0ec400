//! Mails that were made from events, and that an application logs after all.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    IngestError, Joiner,
    testing::{Fixture, bounce, click, complaint, delivery, open, report, send},
};

/// A database of an application's with a mail that was made from these events.
async fn made(events: &[Value]) -> Fixture {
    let fixture = Fixture::adopted(Duration::ZERO).await;
    assert_eq!(fixture.ingest(events).await.parked, events.len());
    assert_eq!(fixture.join().await.joined, events.len());
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs WHERE aftersend_derived"#).await, 1);
    fixture
}

/// All that is there, without what chance decides.
async fn content(fixture: &Fixture) -> Vec<Value> {
    fixture.rows(include_str!("../../../test_data/logical_content.sql")).await
}

/// The same events on a mail that was logged before any of them.
async fn logged_first(events: &[Value]) -> Vec<Value> {
    let fixture = Fixture::adopted(Duration::ZERO).await;
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "m1").await;
    fixture.run(SENT_AT).await;
    fixture.ingest(events).await;
    content(&fixture).await
}

/// A time of the application's own, so that contents can be compared.
const SENT_AT: &str = r#"UPDATE "prefix".phoenix_kit_email_logs SET sent_at = '2026-09-01 10:00:01Z' WHERE message_id = 'pk_1'"#;

fn story() -> Vec<Value> {
    vec![
        send("m1"),
        delivery("m1", "01:00"),
        delivery("m1", "00:30"),
        open("m1", "02:00.250", Some("Likely")),
        click("m1", "03:00", "https://example.com/a"),
        click("m1", "03:00", "https://example.com/b"),
        bounce("m1", "04:00", "Transient", "f1"),
        bounce("m1", "04:30", "Permanent", "f2"),
        complaint("m1", "05:00", "f3"),
    ]
}

#[tokio::test]
async fn the_application_can_log_a_mail_that_was_made_and_gets_its_events() {
    let expected = logged_first(&story()).await;
    // By the joiner, and by a batch that comes first.
    for by_batch in [false, true] {
        let fixture = made(&story()).await;
        fixture.log("pk_1").await;
        fixture.note_id("pk_1", "m1").await;
        fixture.run(SENT_AT).await;
        if by_batch {
            assert_eq!(fixture.ingest(&story()).await, report(0, story().len(), 0));
            assert_eq!(fixture.join().await.merged, 0);
        } else {
            assert_eq!(fixture.join().await.merged, 1);
            assert_eq!(fixture.ingest(&story()).await, report(0, story().len(), 0));
        }
        assert_eq!(content(&fixture).await, expected);
        let ids = fixture.rows(r#"SELECT aws_message_id, state FROM "prefix".aftersend_ids"#).await;
        assert_eq!(ids, [json!({ "aws_message_id": "m1", "state": "alias" })]);
        assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 1);
    }
}

/// What the application has stored itself stays, and takes in what is the same.
#[tokio::test]
async fn rows_of_the_applications_own_are_met() {
    let fixture = made(&story()).await;
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "m1").await;
    fixture.run(SENT_AT).await;
    let mut part = bounce("m1", "04:30", "Permanent", "f2")["bounce"].take();
    part["_source"] = "sqs".into();
    fixture
        .run(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_events
                   (email_log_uuid, event_type, occurred_at, event_data, inserted_at, updated_at)
               SELECT uuid, own.event_type, own.occurred_at, own.event_data, now(), now()
               FROM "prefix".phoenix_kit_email_logs,
                    (VALUES ('send', timestamptz '2026-09-01 10:00:07Z', '{{}}'::jsonb),
                            ('open', '2026-09-01 10:02:00Z', '{{}}'),
                            ('bounce', '2026-09-01 10:04:30Z', '{part}')) AS own (event_type, occurred_at, event_data)
               WHERE message_id = 'pk_1'"#
        ))
        .await;
    assert_eq!(fixture.join().await.merged, 1);
    let rows = fixture
        .rows(
            r#"SELECT event_type, occurred_at, 'own' AS place FROM "prefix".phoenix_kit_email_events
               UNION ALL
               SELECT event_type, occurred_at, 'folded' FROM "prefix".aftersend_folded_events
               ORDER BY occurred_at, place"#,
        )
        .await;
    let found: Vec<(&str, &str, &str)> = rows
        .iter()
        .map(|row| {
            let word = |key: &str| row[key].as_str().unwrap();
            (word("event_type"), &word("occurred_at")[14..19], word("place"))
        })
        .collect();
    let placed =
        |event_type: &'static str, time: &'static str, place: &'static str| (event_type, time, place);
    // Which of two deliveries or clicks has the place, chance may decide; an application's rows keep theirs.
    assert_eq!(found.len(), 9, "{found:?}");
    for own in
        [placed("send", "00:07", "own"), placed("open", "02:00", "own"), placed("bounce", "04:30", "own")]
    {
        assert!(found.contains(&own), "{own:?} in {found:?}");
    }
    assert!(found.contains(&placed("bounce", "04:00", "folded")), "{found:?}");
    let mail =
        fixture.row(r#"SELECT status, subject, delivered_at FROM "prefix".phoenix_kit_email_logs"#).await;
    let expected =
        json!({ "status": "complaint", "subject": "S", "delivered_at": "2026-09-01T10:00:30+00:00" });
    assert_eq!(mail, expected);
    assert_eq!(fixture.ingest(&story()).await, report(0, story().len(), 0));
}

/// More events than move in one transaction, and a mail whose events say nothing of its status.
#[tokio::test]
async fn a_mail_with_many_events_moves_in_parts() {
    let clicks: Vec<Value> = (0..520)
        .map(|n| click("m1", &format!("01:{:02}.{:03}", n / 100, n % 100), "https://example.com"))
        .collect();
    let fixture = made(&clicks).await;
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "m1").await;
    assert_eq!(fixture.join().await.merged, 1);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_events"#).await, 520);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 1);

    let mut kind = complaint("m1", "05:00", "f3");
    kind["complaint"]["complaintFeedbackType"] = "not-spam".into();
    let expected = logged_first(std::slice::from_ref(&kind)).await;
    let fixture = made(&[kind]).await;
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "m1").await;
    fixture.run(SENT_AT).await;
    fixture.join().await;
    let found = content(&fixture).await;
    assert_eq!(found, expected);
    assert_eq!(found[0]["status"], "queued");
}

#[tokio::test]
async fn a_mail_that_is_logged_under_its_ses_id_later_is_merged_too() {
    let fixture = made(&story()).await;
    fixture.log("m1").await;
    assert_eq!(fixture.join().await.merged, 1);
    let mail = fixture
        .row(r#"SELECT message_id, aws_message_id, status FROM "prefix".phoenix_kit_email_logs"#)
        .await;
    assert_eq!(mail, json!({ "message_id": "m1", "aws_message_id": null, "status": "complaint" }));
    assert_eq!(fixture.ingest(&story()).await, report(0, story().len(), 0));
}

/// The application holds its row: the merge yields, and so does the batch that would have to wait for it.
#[tokio::test]
async fn a_merge_yields_to_the_application() {
    let fixture = made(&story()).await;
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "m1").await;
    let other = fixture.schema.client().await;
    let hold =
        r#"BEGIN; UPDATE "prefix".phoenix_kit_email_logs SET subject = 'mine' WHERE message_id = 'pk_1'"#;
    other.batch_execute(&fixture.sql(hold)).await.unwrap();
    let round = Joiner::new(&fixture.store).round().await.unwrap();
    assert_eq!((round.merged, round.put_off), (0, 1));
    let error = fixture.try_ingest(&[open("m1", "06:00", None)]).await.unwrap_err();
    assert!(matches!(error, IngestError::Repeat(_)), "{error:?}");
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(fixture.join().await.merged, 1);
    assert_eq!(fixture.ingest(&[open("m1", "06:00", None)]).await, report(1, 0, 0));
}
