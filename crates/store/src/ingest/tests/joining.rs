//! Parked events join their mail, whenever and however it becomes known.

use std::time::Duration;

use serde_json::json;

use crate::{
    IngestError, JoinReport, Joiner,
    testing::{Fixture, bounce, click, delivery, open, report, send},
};

const HOUR: Duration = Duration::from_hours(1);

async fn mail(fixture: &Fixture) -> serde_json::Value {
    fixture
        .row(
            r#"SELECT message_id, aws_message_id, subject, status, delivered_at,
                      (SELECT count(*) FROM "prefix".phoenix_kit_email_events) AS events,
                      (SELECT count(*) FROM "prefix".aftersend_folded_events) AS folded,
                      (SELECT count(*) FROM "prefix".phoenix_kit_email_orphaned_events) AS parked
               FROM "prefix".phoenix_kit_email_logs"#,
        )
        .await
}

#[tokio::test]
async fn events_join_when_the_application_notes_the_id() {
    let fixture = Fixture::adopted(HOUR).await;
    let events = [
        send("m1"),
        delivery("m1", "01:00"),
        delivery("m1", "00:30"),
        open("m1", "02:00", None),
        open("m1", "02:00", Some("Likely")),
    ];
    assert_eq!(fixture.ingest(&events).await.parked, 4);
    fixture.log("pk_1").await;
    assert_eq!(fixture.join().await, JoinReport { is_through: true, ..JoinReport::default() });
    fixture.note_id("pk_1", "m1").await;
    assert_eq!(fixture.join().await.joined, 5);
    let expected = json!({
        "message_id": "pk_1", "aws_message_id": "m1", "subject": "S", "status": "opened",
        "delivered_at": "2026-09-01T10:00:30+00:00", "events": 3, "folded": 1, "parked": 0,
    });
    assert_eq!(mail(&fixture).await, expected);
    let verdict = fixture
        .row(r#"SELECT aftersend_bot_verdict AS verdict FROM "prefix".phoenix_kit_email_events WHERE event_type = 'open'"#)
        .await;
    assert_eq!(verdict["verdict"], "Likely");
    assert_eq!(fixture.ingest(&events).await, report(0, 5, 0));
    assert_eq!(fixture.join().await.joined, 0);
}

/// A repeat that comes before the joiner does: it was counted when it was parked.
#[tokio::test]
async fn what_was_parked_counts_once_also_if_it_is_stored_before_it_joins() {
    let fixture = Fixture::adopted(HOUR).await;
    let events =
        [delivery("m1", "01:00"), delivery("m1", "00:30"), click("m1", "02:00", "https://example.com")];
    assert_eq!(fixture.ingest(&events).await.parked, 3);
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "m1").await;
    let more = [&events[..], &[send("m1")]].concat();
    assert_eq!(fixture.ingest(&more).await, report(1, 3, 0));
    assert_eq!(fixture.join().await.joined, 3);
    let found = mail(&fixture).await;
    assert_eq!((&found["events"], &found["folded"], &found["parked"]), (&json!(3), &json!(1), &json!(0)));
}

#[tokio::test]
async fn a_mail_that_nobody_logs_is_made_once_its_events_have_waited() {
    let mut fixture = Fixture::adopted(Duration::MAX).await;
    fixture.ingest(&[delivery("m1", "01:00"), send("m2")]).await;
    assert_eq!(fixture.join().await.joined, 0);
    fixture.wait_for(HOUR);
    fixture
        .run(
            r#"UPDATE "prefix".phoenix_kit_email_orphaned_events SET received_at = now() - interval '61 min'
               WHERE aws_message_id = 'm1'"#,
        )
        .await;
    assert_eq!(fixture.join().await.joined, 1);
    let made = r#"SELECT message_id = 'aftersend:' || uuid AS own, aws_message_id, status, subject,
                         aftersend_derived AS derived
                  FROM "prefix".phoenix_kit_email_logs"#;
    let expected = json!({
        "own": true, "aws_message_id": null, "status": "delivered", "subject": "Your order", "derived": true,
    });
    assert_eq!(fixture.row(made).await, expected);
    // It is found by its id, and events that come later find it, too.
    assert_eq!(fixture.ingest(&[open("m1", "02:00", None)]).await, report(1, 0, 0));
    let story = fixture.store.find_story("m1").await.unwrap().unwrap();
    assert_eq!((story.occurrences.len(), &*story.mail.summary.status), (2, "opened"));
    assert_eq!(story.mail.summary.aws_message_id.as_deref(), Some("m1"));
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_orphaned_events"#).await, 1);
    fixture.wait_for(Duration::ZERO);
    assert_eq!(fixture.join().await.joined, 1);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 2);
}

#[tokio::test]
async fn more_than_goes_into_a_transaction_joins_all_the_same() {
    let mut fixture = Fixture::adopted(HOUR).await;
    // One mail with more events than a transaction takes, and more mails than that.
    let mut events: Vec<_> = (0..450)
        .map(|n| click("m0", &format!("01:{:02}.{:03}", n / 100, n % 100), "https://example.com"))
        .collect();
    events.extend((1..130).map(|n| send(&format!("m{n}"))));
    assert_eq!(fixture.ingest(&events).await.parked, events.len());
    for n in 0..110 {
        fixture.log(&format!("pk_{n}")).await;
        fixture.note_id(&format!("pk_{n}"), &format!("m{n}")).await;
    }
    assert_eq!(fixture.join().await.joined, 450 + 109);
    fixture.wait_for(Duration::ZERO);
    assert_eq!(fixture.join().await.joined, 20);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_events"#).await, 450 + 129);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 130);
    assert_eq!(fixture.ingest(&events).await, report(0, events.len(), 0));
}

#[tokio::test]
async fn what_cannot_be_read_or_stored_any_more_goes_into_the_quarantine() {
    let fixture = Fixture::adopted(HOUR).await;
    fixture
        .ingest(&[send("m1"), delivery("m1", "01:00"), bounce("m1", "02:00", "Transient", "f1"), send("m2")])
        .await;
    fixture
        .run(
            r#"UPDATE "prefix".phoenix_kit_email_orphaned_events SET event_data = '{"secret": 1}'
               WHERE event_type = 'delivery';
               -- More than the column of a mail's own takes.
               ALTER TABLE "prefix".phoenix_kit_email_events
                   ADD CONSTRAINT no_bounce CHECK (event_type <> 'bounce')"#,
        )
        .await;
    for n in [1, 2] {
        fixture.log(&format!("pk_{n}")).await;
        fixture.note_id(&format!("pk_{n}"), &format!("m{n}")).await;
    }
    let joined = fixture.join().await;
    assert_eq!((joined.joined, joined.quarantined, joined.put_off), (2, 2, 0));
    let rows = fixture
        .rows(r#"SELECT feed, left(origin, 12) AS origin, reason FROM "prefix".aftersend_quarantine ORDER BY reason"#)
        .await;
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_eq!((&row["feed"], &row["origin"]), (&json!("parked"), &json!("parked event")));
        assert!(!row["reason"].as_str().unwrap().contains("secret"), "{row}");
    }
    assert!(rows[0]["reason"].as_str().unwrap().starts_with("PostgreSQL can't hold it"), "{rows:?}");
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_orphaned_events"#).await, 0);
}

/// A mail that an application holds is put off, and holds up no other.
#[tokio::test]
async fn a_mail_that_somebody_holds_is_put_off() {
    let fixture = Fixture::adopted(HOUR).await;
    fixture.ingest(&[send("m1"), send("m2"), send("m3")]).await;
    for n in [1, 2, 3] {
        fixture.log(&format!("pk_{n}")).await;
        fixture.note_id(&format!("pk_{n}"), &format!("m{n}")).await;
    }
    let other = fixture.schema.client().await;
    let hold =
        r#"BEGIN; UPDATE "prefix".phoenix_kit_email_logs SET subject = 'mine' WHERE message_id = 'pk_2'"#;
    other.batch_execute(&fixture.sql(hold)).await.unwrap();
    let mut joiner = Joiner::new(&fixture.store);
    let round = joiner.round().await.unwrap();
    assert_eq!((round.joined, round.put_off), (2, 1));
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(joiner.round().await.unwrap().joined, 1);
}

/// Joiners that race, with batches that bring the same events once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_joiners_join_each_event_once() {
    let fixture = Fixture::adopted(HOUR).await;
    let events: Vec<_> = (0..60)
        .flat_map(|n| {
            [send(&format!("m{n}")), delivery(&format!("m{n}"), "01:00"), delivery(&format!("m{n}"), "02:00")]
        })
        .collect();
    assert_eq!(fixture.ingest(&events).await.parked, 180);
    for n in 0..60 {
        fixture.log(&format!("pk_{n}")).await;
        fixture.note_id(&format!("pk_{n}"), &format!("m{n}")).await;
    }
    let joiners: Vec<_> = (0..4)
        .map(|_| {
            let mut joiner = Joiner::new(&fixture.store);
            tokio::spawn(async move { joiner.round().await.unwrap().joined })
        })
        .collect();
    let again = fixture.ingest(&events).await;
    assert_eq!(again, report(0, 180, 0));
    let mut joined = 0;
    for joiner in joiners {
        joined += joiner.await.unwrap();
    }
    joined += fixture.join().await.joined;
    assert_eq!(joined, 180);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_events"#).await, 120);
    assert_eq!(fixture.count(r#""prefix".aftersend_folded_events"#).await, 60);
}

/// An application overwrites the id when it sends a mail again: what comes of the first sending finds the mail.
#[tokio::test]
async fn events_of_the_first_id_find_the_mail_after_a_resend() {
    let fixture = Fixture::adopted(HOUR).await;
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "m1").await;
    assert_eq!(fixture.ingest(&[send("m1")]).await, report(1, 0, 0));
    fixture.note_id("pk_1", "m2").await;
    assert_eq!(
        fixture.ingest(&[delivery("m1", "01:00"), click("m2", "02:00", "https://a.example")]).await,
        report(2, 0, 0)
    );
    // A third time; of the second, only the batch above was here.
    fixture.note_id("pk_1", "m3").await;
    assert_eq!(
        fixture.ingest(&[open("m2", "03:00", None), open("m1", "03:01", None)]).await,
        report(2, 0, 0)
    );
    let found = mail(&fixture).await;
    assert_eq!((&found["status"], &found["events"]), (&json!("clicked"), &json!(5)));
    // Nothing of the third has come, so nothing in the database will tell where it led.
    fixture.note_id("pk_1", "m4").await;
    assert_eq!(fixture.ingest(&[open("m3", "04:00", None)]).await.parked, 1);
}

#[tokio::test]
async fn without_its_table_the_joiner_names_the_command() {
    let fixture = Fixture::empty().await;
    let error = Joiner::new(&fixture.store).round().await.unwrap_err();
    assert!(matches!(error, IngestError::Schema(_)), "{error:?}");
}
