//! Events that come when their mail is in the archive.

use serde_json::{Value, json};

use super::ground::{Ground, only_restored};
use crate::Wanted;

fn event(mail: &str, event_type: &str, key: &str, object: Value) -> Value {
    let mut event = json!({
        "eventType": event_type,
        "mail": {
            "timestamp": "2026-09-01T10:00:00.000Z", "messageId": mail, "source": "shop@example.com",
            "destination": ["ann@example.com"],
        },
    });
    event[key] = object;
    event
}

fn send(mail: &str) -> Value {
    event(mail, "Send", "send", json!({}))
}

fn open(mail: &str, second: u32, verdict: Option<&str>) -> Value {
    let mut object = json!({ "timestamp": format!("2026-09-01T10:00:{second:02}.000Z"), "ipAddress": "192.0.2.1", "userAgent": "M" });
    if let Some(verdict) = verdict {
        object["isBotEvent"] = verdict.into();
    }
    event(mail, "Open", "open", object)
}

async fn occurrences(ground: &Ground, id: &str) -> Vec<String> {
    let story = ground.store.find_story(id).await.unwrap().unwrap();
    story
        .occurrences
        .iter()
        .map(|o| format!("{} {} {:?}", o.event_type, o.occurred_at, o.bot_verdict))
        .collect()
}

#[tokio::test]
async fn they_wait_for_the_next_object_and_come_back_with_their_mail() {
    let ground = Ground::new().await;
    ground.ingest_values(&[send("m1"), open("m1", 1, None), send("m2")]).await;
    ground.archive(true).await;
    assert_eq!(ground.count("phoenix_kit_email_logs").await, 0);

    // What the archive has is a repeat; what it does not have is kept once.
    let report = ground.ingest_values(&[send("m1"), open("m1", 1, None)]).await;
    assert_eq!((report.repeated, report.late, report.stored), (2, 0, 0));
    assert_eq!(ground.count("aftersend_late_events").await, 0);
    let report = ground.ingest_values(&[open("m1", 2, None), open("m1", 2, None), open("m1", 3, None)]).await;
    assert_eq!((report.late, report.repeated), (2, 1));
    let report = ground.ingest_values(&[open("m1", 2, None)]).await;
    assert_eq!((report.late, report.repeated), (0, 1));
    // What says more of an occurrence that the archive has is kept, too.
    let report = ground.ingest_values(&[open("m1", 1, Some("Likely")), open("m1", 1, Some("Likely"))]).await;
    assert_eq!((report.late, report.repeated), (0, 2));
    assert_eq!(ground.count("aftersend_late_events").await, 3);
    assert_eq!(ground.count("phoenix_kit_email_logs").await, 0);
    assert_eq!(ground.store.find_archived("m1").await.unwrap().unwrap().late_events, 3);

    let run = ground.archive(true).await;
    assert_eq!((run.sums.objects, run.sums.late_events), (1, 3), "{run:?}");
    assert_eq!(ground.count("aftersend_late_events").await, 0);
    ground.assert_verified().await;
    // Now the archive has them.
    let report = ground.ingest_values(&[open("m1", 2, None), open("m1", 1, Some("Likely"))]).await;
    assert_eq!((report.late, report.repeated), (0, 2));
    assert_eq!(ground.count("aftersend_late_events").await, 0);
    // One more, which no object has when the mail comes back.
    assert_eq!(ground.ingest_values(&[open("m1", 4, None)]).await.late, 1);

    let restored = ground.restore_wanted(&Wanted::Ids(["m1".to_owned()].into())).await;
    assert_eq!(restored.mails, only_restored(1));
    assert_eq!(restored.objects, 2, "the mail's and that of what was late");
    let expected = [
        "send 2026-09-01T10:00:00Z None",
        "open 2026-09-01T10:00:01Z Some(\"Likely\")",
        "open 2026-09-01T10:00:02Z None",
        "open 2026-09-01T10:00:03Z None",
        "open 2026-09-01T10:00:04Z None",
    ];
    assert_eq!(occurrences(&ground, "m1").await, expected);
    assert_eq!(ground.count("aftersend_late_events").await, 0);
    assert_eq!(ground.ingest_values(&[open("m1", 5, None)]).await.stored, 1);
    assert!(ground.store.find_archived("m2").await.unwrap().is_some());
}

#[tokio::test]
async fn of_a_mail_that_was_removed_on_purpose_they_are_counted_and_dropped() {
    let ground = Ground::new().await;
    ground
        .run_sql(r#"INSERT INTO "prefix".aftersend_ids (aws_message_id, state) VALUES ('m1', 'deleted'), ('m2', 'erased')"#)
        .await;
    let report = ground.ingest_values(&[send("m1"), send("m2"), open("m2", 1, None), send("m3")]).await;
    assert_eq!((report.late, report.stored), (3, 1));
    assert_eq!(
        (ground.count("phoenix_kit_email_logs").await, ground.count("aftersend_late_events").await),
        (1, 0)
    );
}

/// A restore that was killed between the mails and what is late of them.
#[tokio::test]
async fn what_waits_for_a_mail_that_is_back_joins_it_with_the_next_run() {
    let ground = Ground::new().await;
    ground.ingest_values(&[send("m1")]).await;
    ground.archive(true).await;
    ground.ingest_values(&[open("m1", 1, None)]).await;
    ground.run_sql(r#"CREATE TABLE "prefix".kept AS SELECT * FROM "prefix".aftersend_late_events"#).await;
    ground.restore().await;
    ground
        .run_sql(
            r#"DELETE FROM "prefix".phoenix_kit_email_events WHERE event_type = 'open';
                    INSERT INTO "prefix".aftersend_late_events SELECT * FROM "prefix".kept"#,
        )
        .await;
    let run = ground.archive(true).await;
    assert_eq!((run.joined, run.sums.late_events), (1, 0), "{run:?}");
    assert_eq!(occurrences(&ground, "m1").await.len(), 2);
    assert_eq!(ground.count("aftersend_late_events").await, 0);
}

/// Parked events whose mail went to the archive meanwhile are late, too.
#[tokio::test]
async fn parked_events_of_archived_mails_are_kept_for_the_archive() {
    let ground = Ground::new().await;
    ground.ingest_values(&[send("m1")]).await;
    ground.archive(true).await;
    let parked = open("m1", 7, None).to_string();
    let fingerprint = "00000000-0000-0000-0000-0000000000aa";
    ground
        .run_sql(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_orphaned_events
                   (uuid, aws_message_id, event_type, event_data, received_at, inserted_at, updated_at, aftersend_fingerprint)
               VALUES ('{fingerprint}', 'm1', 'open', '{parked}', now(), now(), now(), '{fingerprint}')"#
        ))
        .await;
    ground.join().await;
    assert_eq!(ground.count("phoenix_kit_email_orphaned_events").await, 0);
    assert_eq!(
        (ground.count("phoenix_kit_email_logs").await, ground.count("aftersend_late_events").await),
        (0, 1)
    );
}
