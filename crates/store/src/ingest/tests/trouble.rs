//! What stands in a batch's way, and that nothing of it is stored then.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aftersend_event::Message;
use aftersend_testkit::database::{DatabaseProxy, proxy::Passage};
use serde_json::json;
use tokio_postgres::error::SqlState;

use crate::{
    Arrival, Batch, IngestError, Poison, Store, TagNames,
    testing::{Fixture, bounce, click, delivery, ingest_bodies, open, report, send},
};

/// How long to wait for what must come to pass.
const DEADLINE: Duration = Duration::from_secs(10);

async fn assert_empty(fixture: &Fixture) {
    let counts = fixture.store.count_all().await.unwrap();
    assert_eq!(counts, crate::Counts::default());
}

/// Runs a statement in a transaction of another session, which stays open.
pub(super) async fn hold(fixture: &Fixture, statement: &str) -> aftersend_testkit::database::Client {
    let other = fixture.schema.client().await;
    other.batch_execute(&format!("BEGIN; {}", fixture.sql(statement))).await.unwrap();
    other
}

/// Waits until a session of the store waits for a lock, or the batch is done.
pub(super) async fn until_blocked<T>(fixture: &Fixture, batch: &tokio::task::JoinHandle<T>) {
    let blocked = "SELECT count(*) FROM pg_stat_activity \
                   WHERE application_name = $1 AND wait_event_type = 'Lock'";
    let began = Instant::now();
    while !batch.is_finished() {
        let row = fixture.client.query_one(blocked, &[&fixture.prefix.raw()]).await.unwrap();
        if row.get::<_, i64>(0) > 0 {
            return;
        }
        assert!(began.elapsed() < DEADLINE, "nobody waits for a lock");
    }
}

#[tokio::test]
async fn a_value_that_postgresql_cannot_hold_stores_nothing_of_its_batch() {
    let fixture = Fixture::new().await;
    let bodies = [send("m1").to_string(), send("m2").to_string()];
    let documents = bodies.each_ref().map(|body| match aftersend_event::read(body.as_bytes()) {
        Ok(Message::Event(document)) => document,
        other => panic!("{other:?}"),
    });
    let events = documents.each_ref().map(|document| document.event().unwrap());
    // The parser has a limit for numbers; whatever comes past it, the database has the last word.
    let arrivals = vec![
        Arrival { event: &events[0], json: documents[0].storable_json() },
        Arrival { event: &events[1], json: r#"{"secret": 1e200000}"# },
    ];
    let error = fixture.store.ingest(&Batch { arrivals, poisons: Vec::new() }).await.unwrap_err();
    assert!(matches!(&error, IngestError::Data(reason) if !reason.contains("1e200000")), "{error:?}");
    assert_empty(&fixture).await;

    let arrivals = vec![Arrival { event: &events[1], json: r#"{"secret": "\u0000"}"# }];
    let error = fixture.store.ingest(&Batch { arrivals, poisons: Vec::new() }).await.unwrap_err();
    assert!(matches!(&error, IngestError::Data(reason) if !reason.contains("secret")), "{error:?}");
    assert_empty(&fixture).await;
}

/// What a network does whose cable was pulled: nothing arrives any more, and nobody says so.
#[tokio::test]
async fn a_connection_that_falls_silent_is_given_up_for_another() {
    // Before anything is stored, and when all is stored and nobody knows: then it is a repeat.
    for (lost, expected) in [("START TRANSACTION", report(1, 0, 0)), ("COMMIT", report(0, 1, 0))] {
        let fixture = Fixture::new().await;
        let connections: Arc<Mutex<BTreeSet<usize>>> = Arc::default();
        let seen = Arc::clone(&connections);
        let proxy = DatabaseProxy::start(fixture.schema.url(), move |passing| {
            if passing.done() != Some(lost) {
                return Passage::Pass;
            }
            seen.lock().unwrap().insert(passing.connection);
            if seen.lock().unwrap().len() == 1 { Passage::Lost } else { Passage::Pass }
        })
        .await;
        let address = proxy.url().parse().unwrap();
        let mut store = Store::open(&address, fixture.prefix.clone(), TagNames::default()).await.unwrap();
        store.batch_timeout = Duration::from_secs(2);
        let body = send("m1").to_string();
        let ingest = || ingest_bodies(&store, std::iter::once(body.as_bytes()));

        let error = ingest().await.unwrap_err();
        assert!(matches!(&error, IngestError::Away(_)), "{lost}: {error}");
        assert!(error.to_string().contains("did not answer within 2 s"), "{lost}: {error}");
        assert_eq!(ingest().await.unwrap(), expected, "{lost}");
        assert_eq!(connections.lock().unwrap().len(), 2, "{lost}");
    }
}

/// What a poller meets whose network stalled in the middle of a batch: the server has given the session up.
#[tokio::test]
async fn a_session_that_was_ended_for_its_silence_repeats_its_batch() {
    let schema = aftersend_testkit::Database::get().await.fresh_schema();
    let proxy = DatabaseProxy::start(schema.url(), |passing| match passing.sql() {
        Some("COMMIT") => Passage::Late(Duration::from_millis(200)),
        _ => Passage::Pass,
    })
    .await;
    let client = aftersend_testkit::database::Client::connect(proxy.url()).await;
    client.batch_execute("SET idle_in_transaction_session_timeout = '10ms'; BEGIN").await.unwrap();
    let error = client.batch_execute("COMMIT").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT));
    assert!(matches!(IngestError::from(error), IngestError::Repeat(_)));
}

#[tokio::test]
async fn without_the_unique_indexes_nothing_is_stored() {
    for (index, events) in [
        ("phoenix_kit_email_events_log_uuid_event_type_index", [send("m1"), delivery("m1", "01:00")]),
        ("phoenix_kit_email_events_log_uuid_type_occurred_index", [send("m1"), open("m1", "01:00", None)]),
    ] {
        let fixture = Fixture::new().await;
        fixture.run(&format!(r#"DROP INDEX "prefix".{index}"#)).await;
        let error = fixture.try_ingest(&events).await.unwrap_err();
        assert!(matches!(error, IngestError::Schema(_)), "{error:?}");
        assert!(error.to_string().contains("aftersend migrate status"), "{error}");
        assert_empty(&fixture).await;
    }
}

#[tokio::test]
async fn without_any_schema_the_error_names_the_command() {
    let fixture = Fixture::empty().await;
    let error = fixture.try_ingest(&[send("m1")]).await.unwrap_err();
    assert!(matches!(error, IngestError::Schema(_)), "{error:?}");
    let error = fixture.store.require_schema().await.unwrap_err().to_string();
    let command = format!("aftersend migrate up --prefix {}", fixture.prefix);
    assert!(error.contains(&command), "{error}");
}

#[tokio::test]
async fn a_mail_that_another_session_holds_is_waited_for_but_not_for_long() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[send("m1")]).await;
    let other = hold(&fixture, r#"UPDATE "prefix".phoenix_kit_email_logs SET subject = 'mine'"#).await;
    let began = Instant::now();
    let error = fixture.try_ingest(&[delivery("m1", "01:00"), send("m2")]).await.unwrap_err();
    assert!(matches!(error, IngestError::Repeat(_)), "{error:?}");
    let waited = began.elapsed();
    assert!(waited >= Duration::from_millis(450), "{waited:?}");
    assert!(waited < DEADLINE, "{waited:?}");
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 1);
    other.batch_execute("ROLLBACK").await.unwrap();
    let stored = fixture.ingest(&[delivery("m1", "01:00"), send("m2")]).await;
    assert_eq!(stored, report(2, 0, 0));
}

/// Another session's change of a mail comes between the look-up and the lock.
async fn change_under_a_batch(fixture: &Fixture, change: &str) {
    fixture.ingest(&[send("m1")]).await;
    let other = hold(fixture, change).await;
    let store = fixture.store.clone();
    let batch = tokio::spawn(async move {
        let bodies = [delivery("m1", "01:00").to_string()];
        crate::testing::ingest_bodies(&store, bodies.iter().map(String::as_bytes)).await
    });
    until_blocked(fixture, &batch).await;
    other.batch_execute("COMMIT").await.unwrap();
    let error = batch.await.unwrap().unwrap_err();
    assert!(matches!(error, IngestError::Repeat(_)), "{error:?}");
}

#[tokio::test]
async fn a_mail_that_is_deleted_meanwhile_is_made_anew() {
    let fixture = Fixture::new().await;
    change_under_a_batch(&fixture, r#"DELETE FROM "prefix".phoenix_kit_email_logs"#).await;
    assert_empty(&fixture).await;
    assert_eq!(fixture.ingest(&[delivery("m1", "01:00")]).await, report(1, 0, 0));
    let mail = fixture.row(r#"SELECT message_id, status FROM "prefix".phoenix_kit_email_logs"#).await;
    assert_eq!(mail, json!({ "message_id": "m1", "status": "delivered" }));
}

#[tokio::test]
async fn a_mail_that_gets_another_id_meanwhile_keeps_its_own_events_only() {
    let fixture = Fixture::new().await;
    let change = r#"UPDATE "prefix".phoenix_kit_email_logs SET message_id = 'pk_1', aws_message_id = 'm2'"#;
    change_under_a_batch(&fixture, change).await;
    assert_eq!(fixture.ingest(&[delivery("m1", "01:00")]).await, report(1, 0, 0));
    let mails = fixture
        .rows(
            r#"SELECT message_id, aws_message_id, status,
                      (SELECT count(*) FROM "prefix".phoenix_kit_email_events WHERE email_log_uuid = mail.uuid) AS rows
               FROM "prefix".phoenix_kit_email_logs AS mail ORDER BY aws_message_id"#,
        )
        .await;
    let expected = json!([
        { "message_id": "m1", "aws_message_id": "m1", "status": "delivered", "rows": 1 },
        { "message_id": "pk_1", "aws_message_id": "m2", "status": "sent", "rows": 1 },
    ]);
    assert_eq!(json!(mails), expected);
}

#[tokio::test]
async fn an_application_that_logs_the_mail_meanwhile_gets_its_events() {
    let fixture = Fixture::new().await;
    // Made, but not committed yet: the look-up finds nothing, and making the mail waits for it.
    let other = hold(
        &fixture,
        r#"INSERT INTO "prefix".phoenix_kit_email_logs (message_id, "to", "from", subject, inserted_at, updated_at)
           VALUES ('m1', 'x@example.com', 'app@example.com', 'S', now(), now())"#,
    )
    .await;
    let store = fixture.store.clone();
    let batch = tokio::spawn(async move {
        let bodies = [delivery("m1", "01:00").to_string()];
        crate::testing::ingest_bodies(&store, bodies.iter().map(String::as_bytes)).await
    });
    until_blocked(&fixture, &batch).await;
    other.batch_execute("COMMIT").await.unwrap();
    let error = batch.await.unwrap().unwrap_err();
    assert!(matches!(error, IngestError::Repeat(_)), "{error:?}");
    assert_eq!(fixture.ingest(&[delivery("m1", "01:00")]).await, report(1, 0, 0));
    let mail =
        fixture.row(r#"SELECT aws_message_id, subject, status FROM "prefix".phoenix_kit_email_logs"#).await;
    assert_eq!(mail, json!({ "aws_message_id": "m1", "subject": "S", "status": "delivered" }));
}

#[tokio::test]
async fn a_block_that_comes_meanwhile_is_not_weakened() {
    for reason in ["complaint", "manual"] {
        let fixture = Fixture::new().await;
        // Not committed yet: a look beforehand finds nothing.
        let block = format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_blocklist (email, reason) VALUES ('ann@example.com', '{reason}')"#
        );
        let other = hold(&fixture, &block).await;
        let store = fixture.store.clone();
        let batch = tokio::spawn(async move {
            let bodies = [bounce("m1", "01:00", "Permanent", "f1").to_string()];
            crate::testing::ingest_bodies(&store, bodies.iter().map(String::as_bytes)).await
        });
        until_blocked(&fixture, &batch).await;
        other.batch_execute("COMMIT").await.unwrap();
        if batch.await.unwrap().is_err() {
            // It has waited for too long on a busy machine.
            fixture.ingest(&[bounce("m1", "01:00", "Permanent", "f1")]).await;
        }
        let block = fixture.row(r#"SELECT reason FROM "prefix".phoenix_kit_email_blocklist"#).await;
        assert_eq!(block["reason"], reason);
    }
}

#[tokio::test]
async fn a_batch_that_is_given_up_leaves_nothing_and_harms_no_other() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[send("m1")]).await;
    let other = hold(&fixture, r#"UPDATE "prefix".phoenix_kit_email_logs SET subject = 'mine'"#).await;
    let store = fixture.store.clone();
    let batch = tokio::spawn(async move {
        let bodies = [send("m2").to_string(), delivery("m1", "01:00").to_string()];
        crate::testing::ingest_bodies(&store, bodies.iter().map(String::as_bytes)).await
    });
    until_blocked(&fixture, &batch).await;
    batch.abort();
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(fixture.ingest(&[click("m1", "01:00", "https://example.com")]).await, report(1, 0, 0));
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs WHERE aws_message_id = 'm2'"#).await, 0);
}

#[tokio::test]
async fn the_quarantine_keeps_each_body_once_and_counts() {
    let fixture = Fixture::new().await;
    let poison = |body: &'static [u8], reason: &str| Poison {
        body,
        reason: reason.to_owned(),
        feed: "file",
        origin: "line 7".into(),
    };
    let invalid = b"\xff\x00not even text";
    let poisons = vec![poison(invalid, "no\0t UTF-8"), poison(b"{", "broken"), poison(invalid, "again")];
    let batch = Batch { arrivals: Vec::new(), poisons };
    let first = fixture.store.ingest(&batch).await.unwrap();
    assert_eq!(first.quarantined, 3);
    fixture.store.ingest(&batch).await.unwrap();
    let rows = fixture
        .rows(
            r#"SELECT encode(body, 'hex') AS body, reason, feed, origin, times_received,
                      body_sha256 = sha256(body) AS hashed, last_received_at > first_received_at AS later
               FROM "prefix".aftersend_quarantine ORDER BY body"#,
        )
        .await;
    let row = |body: &str, reason: &str, times: i64| {
        json!({
            "body": body, "reason": reason, "feed": "file", "origin": "line 7", "times_received": times,
            "hashed": true, "later": true,
        })
    };
    let expected = [row("7b", "broken", 2), row("ff006e6f74206576656e2074657874", "no\u{FFFD}t UTF-8", 4)];
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn an_empty_batch_is_no_fault() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.ingest(&[]).await, report(0, 0, 0));
}

#[tokio::test]
async fn a_batch_beyond_the_limit_is_refused() {
    let fixture = Fixture::new().await;
    let events = vec![send("m1"); crate::BATCH_MESSAGES_MAX + 1];
    let error = fixture.try_ingest(&events).await.unwrap_err();
    assert_eq!(error.to_string(), "a batch has 1001 messages, and 1000 at most are stored together");
    assert_empty(&fixture).await;
    assert_eq!(fixture.ingest(&events[1..]).await, report(1, 999, 0));
}
