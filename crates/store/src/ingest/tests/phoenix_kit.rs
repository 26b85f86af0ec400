//! A database that `PhoenixKit` has filled before: whatever part of the traffic it has written, and however the events
//! come afterwards, the end is the one that the events alone lead to. But for what is the application's: a row that it
//! has written keeps its time, and what it says of its own mail stays.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use aftersend_event::{Message, Status};
use aftersend_simulator::{Plan, SCENARIOS_REQUIRED, SimulatedEvent, events, shape::Happening, simulate};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::set_semantics::{is_event, store_at_random};
use crate::testing::{Fixture, ingest_bodies};

/// What `PhoenixKit` has written.
#[derive(Default)]
struct Written {
    mails: Vec<Value>,
    events: Vec<Value>,
    /// The times of its rows, by the fingerprint of the event that each tells of.
    times: HashMap<Uuid, Timestamp>,
    /// Rows of which SES tells nothing, by mail and type.
    own: HashSet<(String, &'static str)>,
}

/// A row's place under V137: the mail, the type, and of opens and clicks the time.
type Place = (String, String, Option<Timestamp>);

fn fingerprint(event: &SimulatedEvent) -> Uuid {
    let json = event.json();
    let Ok(Message::Event(document)) = aftersend_event::read(json.as_bytes()) else { panic!("{json}") };
    Uuid::from_bytes(document.event().unwrap().fingerprint().0)
}

fn cut(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap()
}

/// The key of the type's own object; nothing for a type that `PhoenixKit` does not know.
fn key(event: &SimulatedEvent) -> Option<&'static str> {
    Some(match &event.happening {
        Happening::Send => "send",
        Happening::Delivery { .. } => "delivery",
        Happening::Bounce(_) => "bounce",
        Happening::Complaint(_) => "complaint",
        Happening::Reject { .. } => "reject",
        Happening::Open { .. } => "open",
        Happening::Click { .. } => "click",
        Happening::RenderingFailure { .. } => "failure",
        Happening::DeliveryDelay { .. } => "deliveryDelay",
        Happening::Subscription { .. } => "subscription",
        Happening::Unknown { .. } => return None,
    })
}

/// The column that the application sets when it processes such an event.
fn column(status: Status) -> Option<&'static str> {
    Some(match status {
        Status::Queued | Status::Sent => return None,
        Status::Delayed => "delayed_at",
        Status::SoftBounced | Status::Bounced | Status::HardBounced => "bounced_at",
        Status::Delivered => "delivered_at",
        Status::Opened => "opened_at",
        Status::Clicked => "clicked_at",
        Status::Failed => "failed_at",
        Status::Rejected => "rejected_at",
        Status::Complaint => "complained_at",
    })
}

impl Written {
    fn at_random(told: &[SimulatedEvent], rng: &mut Rng) -> Self {
        let mut by_mail: BTreeMap<&str, Vec<&SimulatedEvent>> = BTreeMap::new();
        for event in told {
            by_mail.entry(event.message_id()).or_default().push(event);
        }
        let mut written = Self::default();
        for (id, mut events) in by_mail {
            if rng.u32(0..4) > 0 {
                rng.shuffle(&mut events);
                written.mail(id, &events, rng);
            }
        }
        written
    }

    /// A mail as it logs it, with the rows that it wrote of some of its events, in the order in which it got them.
    fn mail(&mut self, id: &str, events: &[&SimulatedEvent], rng: &mut Rng) {
        let sent_at = events[0].mail.sent_at + SignedDuration::from_micros(rng.i64(-900_000..9_000_000));
        let mut mail = json!({
            "message_id": format!("pk_{}", self.mails.len()), "aws_message_id": id,
            "to": events[0].mail.destination[0].bare, "from": "its.own@example.com",
            "subject": "As the application has it", "sent_at": sent_at.to_string(), "status": "queued",
        });
        let mut places: HashSet<Place> = HashSet::new();
        for (event_type, odds) in [("queued", 3), ("send", 7)] {
            if rng.u32(0..10) < odds {
                places.insert((id.to_owned(), event_type.to_owned(), None));
                self.own_row(id, event_type, sent_at, events);
                mail["status"] = if event_type == "send" { "sent".into() } else { "queued".into() };
            }
        }
        for event in events {
            if rng.u32(0..10) < 6 {
                self.row(event, events, &mut places, rng);
                // In the moment of processing; a late delivery sets the status back.
                let status = event.status().unwrap_or(Status::Sent);
                mail["status"] = status.name().into();
                if let Some(column) = column(status) {
                    mail[column] =
                        (event.meaning().occurred_at + SignedDuration::from_secs(7)).to_string().into();
                }
            }
        }
        self.mails.push(mail);
    }

    /// A row with its own clock, of which SES may tell, too.
    fn own_row(&mut self, id: &str, event_type: &'static str, at: Timestamp, events: &[&SimulatedEvent]) {
        let same =
            events.iter().find(|event| event_type == "send" && matches!(event.happening, Happening::Send));
        if let Some(event) = same {
            self.times.insert(fingerprint(event), cut(at));
        } else {
            self.own.insert((id.to_owned(), event_type));
        }
        self.events.push(json!({
            "aws_message_id": id, "event_type": event_type, "occurred_at": cut(at).to_string(), "event_data": {},
        }));
    }

    /// The row of an event, unless another one has its place, as V137 has it.
    fn row(
        &mut self,
        event: &SimulatedEvent,
        all: &[&SimulatedEvent],
        places: &mut HashSet<Place>,
        rng: &mut Rng,
    ) {
        let Some(key) = key(event) else { return };
        let place = |event: &SimulatedEvent| -> Place {
            let meaning = event.meaning();
            let time = matches!(event.happening, Happening::Open { .. } | Happening::Click { .. });
            (event.message_id().to_owned(), meaning.event_type, time.then(|| cut(meaning.occurred_at)))
        };
        let own = place(event);
        if !places.insert(own.clone()) {
            return;
        }
        let meaning = event.meaning();
        let mut data: Value = serde_json::from_str(&event.json()).unwrap();
        let mut data = data[key].take();
        data["_source"] = "sqs".into();
        // What tells nothing is taken for the first that comes, so it has to be the only one.
        let alike = all.iter().filter(|other| place(other) == own).map(|event| fingerprint(event));
        if alike.collect::<HashSet<_>>().len() == 1 && rng.u32(0..5) == 0 {
            data = json!({ "note": "by hand" });
        }
        let bounce_type = match event.status() {
            Some(Status::HardBounced) => Some("hard"),
            Some(Status::SoftBounced) => Some("soft"),
            Some(Status::Bounced) => Some("undetermined"),
            _ => None,
        };
        let at = cut(meaning.occurred_at);
        self.times.insert(fingerprint(event), at);
        self.events.push(json!({
            "aws_message_id": event.message_id(), "event_type": meaning.event_type, "occurred_at": at.to_string(),
            "event_data": data, "link_url": meaning.link, "bounce_type": bounce_type,
        }));
    }

    async fn write(&self, fixture: &Fixture) {
        let literal = |rows: &[Value]| Value::from(rows).to_string().replace('\'', "''");
        let (mails, events) = (literal(&self.mails), literal(&self.events));
        fixture
            .run(&format!(
                r#"
                INSERT INTO "prefix".phoenix_kit_email_logs
                    (message_id, aws_message_id, "to", "from", subject, status, sent_at, delayed_at, bounced_at,
                     delivered_at, opened_at, clicked_at, failed_at, rejected_at, complained_at, inserted_at, updated_at)
                SELECT message_id, aws_message_id, "to", "from", subject, status, sent_at, delayed_at, bounced_at,
                       delivered_at, opened_at, clicked_at, failed_at, rejected_at, complained_at, now(), now()
                FROM jsonb_populate_recordset(NULL::"prefix".phoenix_kit_email_logs, '{mails}');
                INSERT INTO "prefix".phoenix_kit_email_events
                    (email_log_uuid, event_type, occurred_at, event_data, link_url, bounce_type, inserted_at, updated_at)
                SELECT mail.uuid, event.event_type, event.occurred_at, event.event_data, event.link_url,
                       event.bounce_type, now(), now()
                FROM jsonb_to_recordset('{events}') AS event
                    (aws_message_id text, event_type text, occurred_at timestamptz, event_data jsonb, link_url text,
                     bounce_type text)
                JOIN "prefix".phoenix_kit_email_logs AS mail USING (aws_message_id)
                "#
            ))
            .await;
    }
}

/// What both ways must end in: mails with what their events say, occurrences, recipients, blocks.
#[derive(Debug, PartialEq)]
struct Content {
    mails: Vec<Value>,
    /// By fingerprint, with the time apart.
    occurrences: BTreeMap<Uuid, (Value, Timestamp)>,
    recipients: Vec<Value>,
    blocks: Vec<Value>,
    /// Rows that no event of SES's has claimed: mail and type.
    unclaimed: HashSet<(String, String)>,
}

async fn content(fixture: &Fixture) -> Content {
    let mut occurrences = BTreeMap::new();
    let mut unclaimed = HashSet::new();
    let rows = fixture
        .rows(
            r#"SELECT mail.aws_message_id AS mail, event.*
               FROM (
                   SELECT email_log_uuid, aftersend_fingerprint AS fingerprint, event_type, occurred_at,
                          aftersend_subtype AS subtype, aftersend_bot_verdict AS verdict, link_url, bounce_type
                   FROM "prefix".phoenix_kit_email_events
                   UNION ALL
                   SELECT email_log_uuid, fingerprint, event_type, occurred_at, subtype, bot_verdict, link_url,
                          bounce_type
                   FROM "prefix".aftersend_folded_events
               ) AS event
               JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = event.email_log_uuid"#,
        )
        .await;
    for mut row in rows {
        row.as_object_mut().unwrap().remove("email_log_uuid");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let at: Timestamp = row["occurred_at"].take().as_str().unwrap().parse().unwrap();
        match row["fingerprint"].take().as_str() {
            Some(fingerprint) => {
                let twice = occurrences.insert(fingerprint.parse().unwrap(), (row, at));
                assert_eq!(twice, None, "one occurrence, two rows");
            }
            None => assert!(unclaimed.insert((text(&row["mail"]), text(&row["event_type"])))),
        }
    }
    Content {
        mails: fixture
            .rows(
                r#"SELECT aws_message_id, status, delayed_at, bounced_at, delivered_at, opened_at, clicked_at, failed_at,
                          rejected_at, complained_at
                   FROM "prefix".phoenix_kit_email_logs ORDER BY aws_message_id"#,
            )
            .await,
        occurrences,
        recipients: fixture
            .rows(
                r#"SELECT mail.aws_message_id, to_jsonb(recipient) - 'email_log_uuid' AS recipient
                   FROM "prefix".aftersend_recipients AS recipient
                   JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = email_log_uuid
                   ORDER BY 1, address"#,
            )
            .await,
        blocks: fixture
            .rows(r#"SELECT email, reason, expires_at FROM "prefix".phoenix_kit_email_blocklist ORDER BY email"#)
            .await,
        unclaimed,
    }
}

/// What the application wrote of its mails.
async fn described(fixture: &Fixture) -> Vec<Value> {
    fixture
        .rows(
            r#"SELECT message_id, "to", "from", subject, sent_at, aftersend_derived
               FROM "prefix".phoenix_kit_email_logs WHERE message_id LIKE 'pk\_%' ORDER BY aws_message_id"#,
        )
        .await
}

async fn a_filled_database_ends_the_same(seed: u64) {
    let plan = Plan { seed, mails: SCENARIOS_REQUIRED + 8, malformed: 0, controls: 0, ..Plan::default() };
    let told = events(&plan);
    let plain: Vec<Vec<u8>> = told.iter().map(|event| event.json().into_bytes()).collect();
    let empty = Fixture::new().await;
    ingest_bodies(&empty.store, plain.iter().map(Vec::as_slice)).await.unwrap();
    // Which is the truth: `set_semantics` holds it against the model.
    let mut expected = content(&empty).await;

    let mut rng = Rng::with_seed(seed);
    let written = Written::at_random(&told, &mut rng);
    assert!(written.mails.len() > 20 && written.times.len() > 40, "seed {seed}: little was written");
    let fixture = Fixture::new().await;
    written.write(&fixture).await;
    let own_words = described(&fixture).await;
    for (fingerprint, at) in &written.times {
        expected.occurrences.get_mut(fingerprint).expect("an event that SES told").1 = *at;
    }
    let own = written.own.iter().map(|(mail, event_type)| (mail.clone(), (*event_type).to_owned()));
    expected.unclaimed = own.collect();

    let messages = simulate(&plan).messages;
    let messages: Vec<Arc<[u8]>> = messages
        .iter()
        .filter(|message| is_event(message))
        .map(|message| message.as_slice().into())
        .collect();
    let sum = store_at_random(&fixture, &messages, &mut rng).await;
    let new = expected.occurrences.len() - written.times.len();
    assert_eq!(sum.stored + sum.folded, new, "seed {seed}");
    assert_same(&content(&fixture).await, &expected, seed);
    // And once more, which changes nothing.
    let sum = store_at_random(&fixture, &messages, &mut rng).await;
    assert_eq!(sum.stored + sum.folded, 0, "seed {seed}");
    assert_same(&content(&fixture).await, &expected, seed);
    assert_eq!(described(&fixture).await, own_words, "seed {seed}");
}

/// Part by part, and row by row: a whole database on the screen helps nobody.
fn assert_same(found: &Content, expected: &Content, seed: u64) {
    for (fingerprint, expected) in &expected.occurrences {
        assert_eq!(found.occurrences.get(fingerprint), Some(expected), "seed {seed}");
    }
    let parts = [
        (&found.mails, &expected.mails),
        (&found.recipients, &expected.recipients),
        (&found.blocks, &expected.blocks),
    ];
    for (found, expected) in parts {
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found, expected, "seed {seed}");
        }
        assert_eq!(found.len(), expected.len(), "seed {seed}");
    }
    assert_eq!(found, expected, "seed {seed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filled_database_ends_the_same_as_ever() {
    a_filled_database_ends_the_same(1).await;
}

/// Another seed each time: what it finds is told by the message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filled_database_ends_the_same_at_random() {
    a_filled_database_ends_the_same(fastrand::u64(2..)).await;
}
