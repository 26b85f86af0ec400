//! What this crate's tests share: a migrated schema of one test's own, and events as SES writes them.

use std::{fmt::Debug, time::Duration};

use aftersend_event::{Document, Event, Message};
use aftersend_testkit::{
    Database,
    database::{Client, TestSchema},
};
use serde_json::{Value, json};

use crate::{
    Arrival, Batch, BatchReport, DatabaseAddress, FigureKeeper, IngestError, JoinReport, Joiner, Prefix,
    Store, TagNames, UnknownMails,
    schema::{Migrator, Step},
    sql::render,
};

/// A schema with all steps, a store on it, and a connection to look behind the store's back.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) client: Client,
    pub(crate) prefix: Prefix,
    pub(crate) address: DatabaseAddress,
    pub(crate) schema: TestSchema,
}

impl Fixture {
    /// All steps applied.
    pub(crate) async fn new() -> Self {
        let fixture = Self::empty().await;
        fixture.migrator().await.up(Step::LATEST).await.unwrap();
        fixture
    }

    /// Not even a schema.
    pub(crate) async fn empty() -> Self {
        let schema = Database::get().await.fresh_schema();
        let prefix: Prefix = schema.prefix().parse().unwrap();
        let address: DatabaseAddress = schema.url().parse().unwrap();
        let store = Store::open(&address, prefix.clone(), TagNames::default()).await.unwrap();
        Self { store, client: schema.client().await, prefix, address, schema }
    }

    /// All steps applied to tables that somebody else made: unknown mails are parked for so long.
    pub(crate) async fn adopted(park_for: Duration) -> Self {
        let mut fixture = Self::new().await;
        fixture.run(r#"COMMENT ON TABLE "prefix".phoenix_kit_email_logs IS NULL"#).await;
        fixture.wait_for(park_for);
        fixture
    }

    /// Parks events of unknown mails for so long from now on.
    pub(crate) fn wait_for(&mut self, park_for: Duration) {
        self.store = self.store.clone().with_unknown_mails(UnknownMails::Auto { park_for });
    }

    /// Joins what there is to join, until a round finds nothing any more.
    pub(crate) async fn join(&self) -> JoinReport {
        let mut joiner = Joiner::new(&self.store);
        let mut sum = JoinReport::default();
        loop {
            let report = joiner.round().await.unwrap();
            sum += report;
            if report.is_through && report == (JoinReport { is_through: true, ..JoinReport::default() }) {
                return sum;
            }
        }
    }

    /// Counts what is marked, until nothing is left.
    pub(crate) async fn keep_figures(&self) {
        let mut keeper = FigureKeeper::new(&self.store).at_once();
        while !keeper.round().await.unwrap().is_through {}
    }

    /// Counts all there is, whoever wrote it.
    pub(crate) async fn recount_figures(&self) {
        self.store.recount_figures(None, None).await.unwrap();
        self.keep_figures().await;
    }

    /// Logs a mail to `ann@example.com` as an application does, before SES has given it an id.
    pub(crate) async fn log(&self, message_id: &str) {
        self.run(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, "to", "from", subject, status, inserted_at, updated_at)
               VALUES ('{message_id}', 'ann@example.com', 'app@example.com', 'S', 'queued', now(), now())"#
        ))
        .await;
    }

    /// Notes the id that SES gave a mail, as an application does after each sending of it.
    pub(crate) async fn note_id(&self, message_id: &str, aws_message_id: &str) {
        self.run(&format!(
            r#"UPDATE "prefix".phoenix_kit_email_logs SET aws_message_id = '{aws_message_id}'
               WHERE message_id = '{message_id}'"#
        ))
        .await;
    }

    pub(crate) async fn migrator(&self) -> Migrator {
        Migrator::open(&self.address, self.prefix.clone()).await.unwrap()
    }

    /// SQL with the schema spelled `"prefix"`.
    pub(crate) fn sql(&self, template: &str) -> String {
        render(template, &self.prefix)
    }

    pub(crate) async fn run(&self, template: &str) {
        let sql = self.sql(template);
        self.client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
    }

    /// All rows of a query, each as JSON; compact, and readable when a test fails.
    pub(crate) async fn rows(&self, template: &str) -> Vec<Value> {
        let sql = format!("SELECT to_jsonb(answer)::text FROM ({}) AS answer", self.sql(template));
        let rows = self.client.query(&sql, &[]).await.unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
        rows.iter().map(|row| serde_json::from_str(row.get(0)).unwrap()).collect()
    }

    pub(crate) async fn row(&self, template: &str) -> Value {
        let mut rows = self.rows(template).await;
        assert_eq!(rows.len(), 1, "{template}: {rows:?}");
        rows.remove(0)
    }

    pub(crate) async fn count(&self, template: &str) -> i64 {
        self.row(&format!("SELECT count(*) FROM {template}")).await["count"].as_i64().unwrap()
    }

    /// Stores events as one batch, again where another transaction stands in the way.
    pub(crate) async fn ingest(&self, events: &[Value]) -> BatchReport {
        loop {
            match self.try_ingest(events).await {
                Err(IngestError::Repeat(_) | IngestError::Away(_)) => {}
                result => return result.unwrap(),
            }
        }
    }

    pub(crate) async fn try_ingest(&self, events: &[Value]) -> Result<BatchReport, IngestError> {
        let bodies: Vec<Vec<u8>> = events.iter().map(|event| event.to_string().into_bytes()).collect();
        ingest_bodies(&self.store, bodies.iter().map(Vec::as_slice)).await
    }
}

/// Stores messages that all hold events as one batch.
pub(crate) async fn ingest_bodies(
    store: &Store,
    bodies: impl Iterator<Item = &[u8]>,
) -> Result<BatchReport, IngestError> {
    let documents: Vec<Document<'_>> = bodies.map(document).collect();
    let events: Vec<Event<'_>> = documents.iter().map(|document| document.event().unwrap()).collect();
    let arrivals = events
        .iter()
        .zip(&documents)
        .map(|(event, document)| Arrival { event, json: document.storable_json() })
        .collect();
    store.ingest(&Batch { arrivals, poisons: Vec::new() }).await
}

fn document(body: &[u8]) -> Document<'_> {
    match aftersend_event::read(body) {
        Ok(Message::Event(document)) => document,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(body)),
    }
}

pub(crate) fn report(stored: usize, repeated: usize, folded: usize) -> BatchReport {
    BatchReport { stored, repeated, folded, ..BatchReport::default() }
}

/// Asserts that something failed with a sentence that has these parts.
pub(crate) fn assert_says<T: Debug, E: std::error::Error>(result: Result<T, E>, parts: &[&str]) {
    let message = result.unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

/// A time on the day of the tests, from its minutes and seconds.
pub(crate) fn at(time: &str) -> String {
    format!("2026-09-01T10:{time}Z")
}

/// An event of a mail to `ann@example.com`: SES's name of the type, the key of its object, the object.
pub(crate) fn event(mail: &str, event_type: &str, key: &str, object: Value) -> Value {
    event_to(&["ann@example.com"], mail, event_type, key, object)
}

pub(crate) fn event_to(
    destination: &[&str],
    mail: &str,
    event_type: &str,
    key: &str,
    object: Value,
) -> Value {
    let mut event = json!({
        "eventType": event_type,
        "mail": {
            "timestamp": at("00:00.000"),
            "messageId": mail,
            "source": "Shop <shop@example.com>",
            "destination": destination,
            "commonHeaders": { "to": destination, "subject": "Your order" },
            "tags": { "campaign": ["autumn"], "template": ["order"] },
        },
    });
    event[key] = object;
    event
}

pub(crate) fn send(mail: &str) -> Value {
    event(mail, "Send", "send", json!({}))
}

pub(crate) fn delivery(mail: &str, time: &str) -> Value {
    event(mail, "Delivery", "delivery", json!({ "timestamp": at(time), "recipients": ["ann@example.com"] }))
}

pub(crate) fn open(mail: &str, time: &str, verdict: Option<&str>) -> Value {
    let mut object = json!({ "timestamp": at(time), "ipAddress": "192.0.2.1", "userAgent": "Mozilla/5.0" });
    if let Some(verdict) = verdict {
        object["isBotEvent"] = verdict.into();
    }
    event(mail, "Open", "open", object)
}

pub(crate) fn click(mail: &str, time: &str, link: &str) -> Value {
    event(mail, "Click", "click", json!({ "timestamp": at(time), "link": link }))
}

pub(crate) fn bounce(mail: &str, time: &str, bounce_type: &str, feedback_id: &str) -> Value {
    let object = json!({
        "timestamp": at(time),
        "bounceType": bounce_type,
        "bounceSubType": "General",
        "bouncedRecipients": [{ "emailAddress": "ann@example.com" }],
        "feedbackId": feedback_id,
    });
    event(mail, "Bounce", "bounce", object)
}

pub(crate) fn complaint(mail: &str, time: &str, feedback_id: &str) -> Value {
    let object = json!({
        "timestamp": at(time),
        "complainedRecipients": [{ "emailAddress": "ann@example.com" }],
        "feedbackId": feedback_id,
        "complaintFeedbackType": "abuse",
    });
    event(mail, "Complaint", "complaint", object)
}
