//! Events of mails that nobody knows: parked once, with all that records say of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::trouble::{hold, until_blocked};
use crate::{
    BatchReport, IngestError, Parked, UnknownMails,
    testing::{Fixture, bounce, click, complaint, delivery, ingest_bodies, open, report, send},
};

const HOUR: Duration = Duration::from_hours(1);

fn parked(parked: usize, repeated: usize) -> BatchReport {
    BatchReport { parked, ..report(0, repeated, 0) }
}

async fn count_parked(fixture: &Fixture) -> i64 {
    fixture.count(r#""prefix".phoenix_kit_email_orphaned_events"#).await
}

#[tokio::test]
async fn who_made_the_tables_decides() {
    let own = Fixture::new().await;
    assert_eq!(own.ingest(&[send("m1")]).await, report(1, 0, 0));
    let adopted = Fixture::adopted(HOUR).await;
    assert_eq!(adopted.ingest(&[send("m1")]).await, parked(1, 0));
    assert_eq!(adopted.count(r#""prefix".phoenix_kit_email_logs"#).await, 0);
}

#[tokio::test]
async fn an_occurrence_is_parked_once_with_all_that_its_records_say() {
    let fixture = Fixture::adopted(HOUR).await;
    let first = open("m1", "01:00", None);
    let likely = open("m1", "01:00", Some("Likely"));
    let other = delivery("m1", "01:00");
    // In one batch, and in later ones.
    assert_eq!(fixture.ingest(&[first.clone(), first.clone(), likely.clone()]).await, parked(1, 2));
    assert_eq!(count_parked(&fixture).await, 2);
    assert_eq!(fixture.ingest(&[likely.clone(), other.clone(), first.clone()]).await, parked(1, 2));
    assert_eq!(fixture.ingest(&[first, likely, other]).await, parked(0, 3));
    assert_eq!(count_parked(&fixture).await, 3);
    let rows = fixture
        .rows(
            r#"SELECT event_type, matched, aws_message_id, uuid = aftersend_fingerprint AS is_first,
                      event_data #>> '{open,isBotEvent}' AS verdict
               FROM "prefix".phoenix_kit_email_orphaned_events ORDER BY event_type, verdict NULLS FIRST"#,
        )
        .await;
    let row = |event_type: &str, is_first: bool, verdict: Option<&str>| {
        json!({
            "event_type": event_type, "matched": false, "aws_message_id": "m1", "is_first": is_first,
            "verdict": verdict,
        })
    };
    assert_eq!(
        rows,
        [row("delivery", true, None), row("open", true, None), row("open", false, Some("Likely"))]
    );
}

#[tokio::test]
async fn a_batch_may_hold_known_and_unknown_mails() {
    let fixture = Fixture::adopted(HOUR).await;
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "m1").await;
    let batch = [send("m1"), send("m2"), delivery("m2", "01:00"), send("m1"), send("m2")];
    assert_eq!(fixture.ingest(&batch).await, BatchReport { parked: 2, ..report(1, 2, 0) });
    assert_eq!(fixture.ingest(&batch).await, report(0, 5, 0));
}

#[tokio::test]
async fn a_parked_bounce_or_complaint_blocks_at_once() {
    let fixture = Fixture::adopted(HOUR).await;
    fixture.ingest(&[bounce("m1", "01:00", "Permanent", "f1")]).await;
    let reason = async || fixture.row(r#"SELECT reason FROM "prefix".phoenix_kit_email_blocklist"#).await;
    assert_eq!(reason().await["reason"], "hard_bounce");
    fixture.ingest(&[complaint("m1", "02:00", "f2")]).await;
    assert_eq!(reason().await["reason"], "complaint");
    // A person lifts the block; that the mail becomes known is no news about the address.
    fixture.run(r#"DELETE FROM "prefix".phoenix_kit_email_blocklist"#).await;
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "m1").await;
    assert_eq!(fixture.join().await.joined, 2);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_blocklist"#).await, 0);
}

/// Eight connections park the same events, in other orders and spellings: each counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_connections_park_each_occurrence_once() {
    let fixture = Fixture::adopted(HOUR).await;
    let events: Vec<Value> = (0..12)
        .flat_map(|n| {
            let mail = format!("m{}", n % 5);
            [open(&mail, &format!("01:{n:02}"), None), open(&mail, &format!("01:{n:02}"), Some("Likely"))]
        })
        .collect();
    let tasks: Vec<_> = (0..8)
        .map(|seed| {
            let (store, mut events) = (fixture.store.clone(), events.clone());
            fastrand::Rng::with_seed(seed).shuffle(&mut events);
            tokio::spawn(async move {
                let bodies: Vec<String> = events.iter().map(Value::to_string).collect();
                loop {
                    match ingest_bodies(&store, bodies.iter().map(String::as_bytes)).await {
                        Err(IngestError::Repeat(_)) => {}
                        result => return result.unwrap(),
                    }
                }
            })
        })
        .collect();
    let mut sum = BatchReport::default();
    for task in tasks {
        let report = task.await.unwrap();
        sum.parked += report.parked;
        sum.repeated += report.repeated;
    }
    assert_eq!((sum.parked, sum.repeated), (12, 8 * 24 - 12));
    // What each record says is kept once.
    assert_eq!(count_parked(&fixture).await, 24);
}

/// PostgreSQL holds no U+0000, so what is read again is spelled otherwise; it stays the occurrence that it was.
#[tokio::test]
async fn an_occurrence_stays_the_same_over_the_parking() {
    let fixture = Fixture::adopted(HOUR).await;
    let events =
        [click("m1", "01:00", "https://example.com/\0"), click("m1", "01:00", "https://example.com/1e400")];
    assert_eq!(fixture.ingest(&events).await, parked(2, 0));
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "m1").await;
    assert_eq!(fixture.join().await.joined, 2);
    assert_eq!(fixture.ingest(&events).await, report(0, 2, 0));
}

/// Another process joins what is parked while a batch brings it again: the batch must not park it anew.
#[tokio::test]
async fn what_is_being_joined_is_not_parked_again() {
    let fixture = Fixture::adopted(HOUR).await;
    fixture.ingest(&[delivery("m1", "01:00")]).await;
    let other = hold(
        &fixture,
        r#"DELETE FROM "prefix".phoenix_kit_email_orphaned_events;
           INSERT INTO "prefix".phoenix_kit_email_logs
               (message_id, aws_message_id, "to", "from", inserted_at, updated_at)
           VALUES ('pk_1', 'm1', 'ann@example.com', 'app@example.com', now(), now())"#,
    )
    .await;
    let store = fixture.store.clone();
    let batch = tokio::spawn(async move {
        let bodies = [delivery("m1", "01:00").to_string()];
        ingest_bodies(&store, bodies.iter().map(String::as_bytes)).await
    });
    until_blocked(&fixture, &batch).await;
    other.batch_execute("COMMIT").await.unwrap();
    let error = batch.await.unwrap().unwrap_err();
    assert!(matches!(error, IngestError::Repeat(_)), "{error:?}");
    assert_eq!(count_parked(&fixture).await, 0);
}

/// Two processes give up waiting for the application at once: one mail is made.
#[tokio::test]
async fn a_mail_that_another_process_is_making_is_waited_for() {
    let fixture = Fixture::adopted(HOUR).await;
    let uuid = "0199a1b2-0000-7000-8000-000000000001";
    let other = hold(
        &fixture,
        &format!(
            r#"INSERT INTO "prefix".aftersend_ids VALUES ('m1', '{uuid}', 'created');
               INSERT INTO "prefix".phoenix_kit_email_logs
                   (uuid, message_id, "to", "from", inserted_at, updated_at, aftersend_derived)
               VALUES ('{uuid}', 'aftersend:{uuid}', '', '', now(), now(), true)"#
        ),
    )
    .await;
    let store = fixture.store.clone().with_unknown_mails(UnknownMails::Create);
    let batch = tokio::spawn(async move {
        let bodies = [delivery("m1", "01:00").to_string()];
        ingest_bodies(&store, bodies.iter().map(String::as_bytes)).await
    });
    until_blocked(&fixture, &batch).await;
    other.batch_execute("COMMIT").await.unwrap();
    match batch.await.unwrap() {
        Ok(stored) => assert_eq!(stored, report(1, 0, 0)),
        // It has waited for too long on a busy machine.
        Err(error) => assert!(matches!(error, IngestError::Repeat(_)), "{error:?}"),
    }
    fixture.ingest(&[delivery("m1", "01:00")]).await;
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 1);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_events"#).await, 1);
}

#[tokio::test]
async fn how_much_is_parked_and_for_how_long() {
    let fixture = Fixture::adopted(HOUR).await;
    let none = Parked { events: 0, oldest_received_at: None, oldest_age_s: 0.0 };
    assert_eq!(fixture.store.parked().await.unwrap(), none);
    fixture.ingest(&[send("m1"), send("m2")]).await;
    fixture
        .run(
            r#"UPDATE "prefix".phoenix_kit_email_orphaned_events SET received_at = now() - interval '90 s'
               WHERE aws_message_id = 'm2';
               INSERT INTO "prefix".phoenix_kit_email_orphaned_events
                   (aws_message_id, event_type, received_at, inserted_at, updated_at)
               VALUES ('somebody''s', 'send', now() - interval '1 year', now(), now())"#,
        )
        .await;
    let found = fixture.store.parked().await.unwrap();
    assert_eq!(found.events, 2);
    assert!((90.0..120.0).contains(&found.oldest_age_s), "{found:?}");
    assert!(found.oldest_received_at.is_some());
}

/// An application that uses SES's id for its own: the column stays for it to write.
#[tokio::test]
async fn a_mail_that_is_logged_under_its_ses_id_is_that_mail() {
    let fixture = Fixture::adopted(HOUR).await;
    fixture.log("m1").await;
    assert_eq!(fixture.ingest(&[delivery("m1", "01:00")]).await, report(1, 0, 0));
    let mail = fixture.row(r#"SELECT aws_message_id, status FROM "prefix".phoenix_kit_email_logs"#).await;
    assert_eq!(mail, json!({ "aws_message_id": null, "status": "delivered" }));
    // The id of another mail, if the application says so.
    fixture.log("pk_2").await;
    fixture.note_id("pk_2", "m1").await;
    assert_eq!(fixture.ingest(&[delivery("m1", "02:00")]).await, report(1, 0, 0));
}

#[tokio::test]
async fn an_alias_of_a_mail_that_is_gone_gives_way() {
    let fixture = Fixture::adopted(HOUR).await;
    fixture.run(r#"INSERT INTO "prefix".aftersend_ids VALUES ('m1', gen_random_uuid(), 'alias')"#).await;
    assert_eq!(fixture.ingest(&[delivery("m1", "01:00")]).await, parked(1, 0));
    fixture
        .run(r#"INSERT INTO "prefix".aftersend_ids VALUES ('m1', gen_random_uuid(), 'alias') ON CONFLICT DO NOTHING"#)
        .await;
    fixture.log("m1").await;
    assert_eq!(fixture.ingest(&[delivery("m1", "01:00")]).await, report(0, 1, 0));
    assert_eq!(fixture.join().await.joined, 1);
    // And for a mail that is made at once.
    let store = fixture.store.clone().with_unknown_mails(UnknownMails::Create);
    fixture.run(r#"INSERT INTO "prefix".aftersend_ids VALUES ('m2', gen_random_uuid(), 'created')"#).await;
    let bodies = [send("m2").to_string()];
    let made = ingest_bodies(&store, bodies.iter().map(String::as_bytes)).await.unwrap();
    assert_eq!(made, report(1, 0, 0));
    let led = fixture
        .row(
            r#"SELECT ids.state, mail.message_id = 'aftersend:' || mail.uuid AS own, mail.aws_message_id, mail.status
               FROM "prefix".aftersend_ids AS ids
               JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = ids.email_log_uuid
               WHERE ids.aws_message_id = 'm2'"#,
        )
        .await;
    assert_eq!(led, json!({ "state": "created", "own": true, "aws_message_id": null, "status": "sent" }));
}
