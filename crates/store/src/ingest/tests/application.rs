//! An application that goes on writing beside several connections that store events and several that join them: it
//! logs first and notes the SES id after the send, sends again under another id, stores events of its own together with
//! their mail. None of its statements may fail or wait in a ring because of us, and whatever came first, the end is the
//! same.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use aftersend_event::{Message, Status};
use aftersend_simulator::{Plan, SCENARIOS_REQUIRED, SimulatedEvent, Traffic, TrueMail, events, simulate};
use aftersend_testkit::database::Client;
use fastrand::Rng;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde_json::Value;
use tokio_postgres::error::SqlState;

use crate::{
    BatchReport, IngestError, Joiner, Store, Story,
    sql::render,
    testing::{Fixture, ingest_bodies},
};

/// How long to wait for what must come to pass.
const DEADLINE: Duration = Duration::from_mins(2);

/// What an application does with a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conduct {
    /// Logs it, sends it, and notes the id.
    LogsFirst,
    /// Logs it when it has been sent.
    LogsWithId,
    /// Logs it, and has events of its own for it, each in a transaction with the mail.
    StoresEvents,
    /// Sends it twice; the second id overwrites the first.
    Resends,
    /// Writes the log when everybody else has given up waiting.
    LogsLate,
    /// It is somebody else's mail.
    Never,
}

/// A mail of the application's: its SES ids in the order in which they are given.
#[derive(Clone, Debug)]
struct OwnMail {
    message_id: String,
    conduct: Conduct,
    ids: Vec<String>,
    /// Events of its own to store: types and parts of JSON, with their times.
    own: Vec<(String, Value, Timestamp)>,
}

/// Deals out the mails of the traffic.
fn deal(traffic: &Traffic, all: &[SimulatedEvent], rng: &mut Rng) -> Vec<OwnMail> {
    let mut ids: Vec<&String> = traffic.truth.mails.keys().collect();
    rng.shuffle(&mut ids);
    let mut own_events: BTreeMap<&str, Vec<(String, Value, Timestamp)>> = BTreeMap::new();
    for event in all {
        if let Some(part) = own_event(event) {
            own_events.entry(event.message_id()).or_default().push(part);
        }
    }
    let mut mails = Vec::new();
    while let Some(id) = ids.pop() {
        let conducts = [
            Conduct::LogsFirst,
            Conduct::LogsWithId,
            Conduct::StoresEvents,
            Conduct::Resends,
            Conduct::LogsLate,
            Conduct::Never,
        ];
        let mut conduct = conducts[rng.usize(0..conducts.len())];
        let mut given = vec![id.clone()];
        match (conduct, ids.pop()) {
            (Conduct::Resends, Some(second)) => given.push(second.clone()),
            (Conduct::Resends, None) => conduct = Conduct::LogsFirst,
            (_, next) => ids.extend(next),
        }
        let own = own_events.remove(id.as_str()).filter(|_| conduct == Conduct::StoresEvents);
        let message_id = format!("pk_{}", mails.len());
        mails.push(OwnMail { message_id, conduct, ids: given, own: own.unwrap_or_default() });
    }
    mails
}

/// An event as an application stores it: its part of the JSON, its time cut to the second.
fn own_event(event: &SimulatedEvent) -> Option<(String, Value, Timestamp)> {
    let whole: Value = serde_json::from_str(&event.json()).unwrap();
    let meaning = event.meaning();
    let key = match meaning.event_type.as_str() {
        "send" => return Some(("send".to_owned(), serde_json::json!({}), Timestamp::now())),
        kind @ ("delivery" | "bounce" | "complaint") => kind,
        _ => return None,
    };
    let mut part = whole[key].clone();
    part["_source"] = "sqs".into();
    Some((meaning.event_type, part, cut(meaning.occurred_at)))
}

fn cut(time: Timestamp) -> Timestamp {
    time.round(TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor)).unwrap()
}

/// The application at one of its connections.
struct Application {
    client: Client,
    store: Store,
    seed: u64,
    /// Changes of mails that it has committed.
    changes: u64,
}

impl Application {
    fn sql(&self, template: &str) -> String {
        render(template, self.store.prefix())
    }

    /// A statement that must never fail.
    async fn must(&self, template: &str) {
        let sql = self.sql(template);
        let result = self.client.batch_execute(&sql).await;
        assert!(result.is_ok(), "seed {}: {:?}\n{sql}", self.seed, result.err());
    }

    async fn log(&self, mail: &OwnMail, id: Option<&str>) {
        let id = id.map_or("NULL".to_owned(), |id| format!("'{id}'"));
        self.must(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", subject, status, inserted_at, updated_at)
               VALUES ('{}', {id}, 'to@example.com', 'app@example.com', 'S', 'queued', now(), now())"#,
            mail.message_id
        ))
        .await;
    }

    async fn note_id(&mut self, mail: &OwnMail, id: &str) {
        self.must(&format!(
            r#"UPDATE "prefix".phoenix_kit_email_logs
               SET aws_message_id = '{id}', retry_count = retry_count + 1, updated_at = now()
               WHERE message_id = '{}'"#,
            mail.message_id
        ))
        .await;
        self.changes += 1;
    }

    /// Event and mail in one transaction. Where the event is there already, V137 says so, and the application goes
    /// on with the mail.
    async fn store_event(&mut self, mail: &OwnMail, (event_type, part, at): &(String, Value, Timestamp)) {
        self.must("BEGIN").await;
        let insert = self.sql(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_events
                   (email_log_uuid, event_type, occurred_at, event_data, inserted_at, updated_at)
               SELECT uuid, $1, $2, $3::text::jsonb, now(), now()
               FROM "prefix".phoenix_kit_email_logs WHERE message_id = '{}'"#,
            mail.message_id
        ));
        if let Err(error) = self.client.execute(&insert, &[event_type, at, &part.to_string()]).await {
            let index = error.as_db_error().and_then(|error| error.constraint()).unwrap_or_default();
            assert!(
                error.code() == Some(&SqlState::UNIQUE_VIOLATION)
                    && index.starts_with("phoenix_kit_email_events_log_uuid_"),
                "seed {}: {error:?}",
                self.seed
            );
            self.must("ROLLBACK; BEGIN").await;
        }
        self.must(&format!(
            r#"UPDATE "prefix".phoenix_kit_email_logs SET retry_count = retry_count + 1 WHERE message_id = '{}';
               COMMIT"#,
            mail.message_id
        ))
        .await;
        self.changes += 1;
    }

    /// Waits until an event of the id is with its mail: only then can the database know whose it was.
    async fn until_known(&self, id: &str) {
        let ask = self.sql(
            r#"SELECT EXISTS (SELECT FROM "prefix".aftersend_ids WHERE aws_message_id = $1 AND state = 'alias')"#,
        );
        let began = Instant::now();
        while !self.client.query_one(&ask, &[&id]).await.unwrap().get::<_, bool>(0) {
            assert!(began.elapsed() < DEADLINE, "seed {}: no event of {id} found its mail", self.seed);
            tokio::task::yield_now().await;
        }
    }

    async fn treat(&mut self, mail: &OwnMail) {
        match mail.conduct {
            Conduct::LogsFirst => {
                self.log(mail, None).await;
                self.note_id(mail, &mail.ids[0]).await;
            }
            Conduct::LogsWithId | Conduct::LogsLate => self.log(mail, Some(&mail.ids[0])).await,
            Conduct::StoresEvents => {
                self.log(mail, None).await;
                let half = mail.own.len() / 2;
                for event in &mail.own[..half] {
                    self.store_event(mail, event).await;
                }
                self.note_id(mail, &mail.ids[0]).await;
                for event in &mail.own[half..] {
                    self.store_event(mail, event).await;
                }
            }
            Conduct::Resends => {
                self.log(mail, None).await;
                self.note_id(mail, &mail.ids[0]).await;
                self.until_known(&mail.ids[0]).await;
                self.note_id(mail, &mail.ids[1]).await;
            }
            Conduct::Never => {}
        }
    }
}

type Queue<T> = Arc<Mutex<VecDeque<T>>>;

/// Stores batches until there are none, each as often as it takes.
async fn pump(store: Store, queue: Queue<Vec<Arc<[u8]>>>) -> usize {
    let mut new = 0;
    loop {
        let Some(batch) = queue.lock().unwrap().pop_front() else { return new };
        let report: BatchReport = loop {
            match ingest_bodies(&store, batch.iter().map(AsRef::as_ref)).await {
                Err(IngestError::Repeat(_)) => {}
                result => break result.unwrap(),
            }
        };
        assert_eq!(report.stored + report.repeated + report.folded + report.parked, batch.len());
        new += report.stored + report.folded + report.parked;
    }
}

/// Everybody at once: the application's mails, the batches, and joiners until both are through. Says how many events
/// counted as new, and how many changes the application has made.
async fn race(
    fixture: &Fixture,
    mails: Vec<OwnMail>,
    messages: &[Arc<[u8]>],
    seed: u64,
    rng: &mut Rng,
) -> (usize, u64) {
    let mut batches = VecDeque::new();
    let mut rest = messages.to_vec();
    rng.shuffle(&mut rest);
    while !rest.is_empty() {
        let size = rng.usize(1..=40).min(rest.len());
        batches.push_back(rest.split_off(rest.len() - size));
    }
    let batches: Queue<Vec<Arc<[u8]>>> = Arc::new(Mutex::new(batches));
    let mails: Queue<OwnMail> = Arc::new(Mutex::new(mails.into()));
    let is_over = Arc::new(AtomicBool::new(false));
    let pumps: Vec<_> =
        (0..3).map(|_| tokio::spawn(pump(fixture.store.clone(), Arc::clone(&batches)))).collect();
    let joiners: Vec<_> = (0..2)
        .map(|_| {
            let (mut joiner, is_over) = (Joiner::new(&fixture.store), Arc::clone(&is_over));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Acquire) {
                    joiner.round().await.unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut applications = Vec::new();
    for _ in 0..3 {
        let client = fixture.schema.client().await;
        let mut application = Application { client, store: fixture.store.clone(), seed, changes: 0 };
        let mails = Arc::clone(&mails);
        applications.push(tokio::spawn(async move {
            loop {
                let Some(mail) = mails.lock().unwrap().pop_front() else { return application.changes };
                application.treat(&mail).await;
            }
        }));
    }
    let (mut new, mut changes) = (0, 0);
    for pump in pumps {
        new += pump.await.unwrap();
    }
    for application in applications {
        changes += application.await.unwrap();
    }
    is_over.store(true, Ordering::Release);
    for joiner in joiners {
        joiner.await.unwrap();
    }
    (new, changes)
}

fn is_event(message: &[u8]) -> bool {
    matches!(aftersend_event::read(message), Ok(Message::Event(document)) if document.event().is_ok())
}

async fn an_application_and_events_end_the_same_in_any_order(seed: u64) {
    let plan = Plan { seed, mails: SCENARIOS_REQUIRED + 12, malformed: 0, controls: 0, ..Plan::default() };
    let (traffic, all) = (simulate(&plan), events(&plan));
    let mut rng = Rng::with_seed(seed);
    let messages: Vec<Arc<[u8]>> =
        traffic.messages.iter().filter(|message| is_event(message)).map(|m| m.as_slice().into()).collect();
    let mails = deal(&traffic, &all, &mut rng);

    // Either they wait for the application, or they give up as soon as they can.
    let park_for = if rng.bool() { Duration::ZERO } else { Duration::from_hours(1) };
    let mut fixture = Fixture::adopted(park_for).await;
    let (late, timely): (Vec<OwnMail>, Vec<OwnMail>) =
        mails.iter().cloned().partition(|mail| mail.conduct == Conduct::LogsLate);
    let (new, mut changes) = race(&fixture, timely, &messages, seed, &mut rng).await;
    // What the application has stored itself is no news.
    let own: usize = mails.iter().map(|mail| mail.own.len()).sum();
    assert!(new + own >= traffic.truth.distinct_events, "seed {seed}: {new} and {own}");
    fixture.wait_for(Duration::ZERO);
    fixture.join().await;
    let (new, more) = race(&fixture, late, &messages, seed, &mut rng).await;
    changes += more;
    assert_eq!(new, 0, "seed {seed}: all of it was there before");
    fixture.join().await;

    let parked = fixture.count(r#""prefix".phoenix_kit_email_orphaned_events"#).await;
    assert_eq!(parked, 0, "seed {seed}");
    assert_eq!(
        fixture.count(r#""prefix".phoenix_kit_email_logs"#).await,
        i64::try_from(mails.len()).unwrap()
    );
    let noted = fixture.row(r#"SELECT sum(retry_count) FROM "prefix".phoenix_kit_email_logs"#).await;
    assert_eq!(noted["sum"].as_u64(), Some(changes), "seed {seed}: a change of the application's was lost");
    for mail in &mails {
        compare(&fixture.store, &traffic, mail, &format!("seed {seed}, {mail:?}")).await;
    }
    let blocks: Vec<(String, String)> = traffic
        .truth
        .blocked
        .iter()
        .map(|(address, reason)| (address.clone(), (*reason).to_owned()))
        .collect();
    assert_eq!(fixture.store.list_blocks().await.unwrap(), blocks, "seed {seed}");
}

/// What happened to a mail, as far as it is the same whoever stored it: type and second (an application has its own
/// clock for a send), whom and which link.
type Happened = (String, Option<Timestamp>, Option<String>);

fn happened(event_type: &str, at: Timestamp, link: Option<&String>) -> Happened {
    (event_type.to_owned(), (event_type != "send").then(|| cut(at)), link.cloned())
}

fn expected_times(mails: &[&TrueMail]) -> Vec<(&'static str, Timestamp)> {
    let earliest =
        |time: fn(&TrueMail) -> Option<Timestamp>| mails.iter().filter_map(|mail| time(mail)).min();
    [
        ("delayed", earliest(|mail| mail.delayed_at)),
        ("delivered", earliest(|mail| mail.delivered_at)),
        ("opened", earliest(|mail| mail.opened_at)),
        ("clicked", earliest(|mail| mail.clicked_at)),
        ("bounced", earliest(|mail| mail.bounced_at)),
        ("failed", earliest(|mail| mail.failed_at)),
        ("rejected", earliest(|mail| mail.rejected_at)),
        ("complaint", earliest(|mail| mail.complained_at)),
    ]
    .into_iter()
    .filter_map(|(name, at)| Some((name, at?)))
    .collect()
}

async fn compare(store: &Store, traffic: &Traffic, mail: &OwnMail, when: &str) {
    let truths: Vec<&TrueMail> = mail.ids.iter().map(|id| &traffic.truth.mails[id]).collect();
    let mut stories: Vec<Story> = Vec::new();
    for id in &mail.ids {
        stories.push(store.find_story(id).await.unwrap().unwrap_or_else(|| panic!("{when}: no mail {id}")));
    }
    let story = stories.pop().unwrap();
    assert!(stories.iter().all(|other| other.mail.summary.uuid == story.mail.summary.uuid), "{when}");

    let found = &story.mail.summary;
    let says_sent = |kind: &str| kind == "send" || kind == "subscription";
    let is_said = truths.iter().flat_map(|truth| &truth.occurrences).any(|one| says_sent(&one.event_type));
    let status = truths.iter().map(|truth| truth.status).max().unwrap();
    if mail.conduct == Conduct::Never {
        assert!(story.mail.derived && found.message_id.starts_with("aftersend:"), "{when}: {found:?}");
        assert_eq!((&found.to, &found.from), (&truths[0].to, &truths[0].from), "{when}");
        assert_eq!((&found.subject, found.sent_at), (&truths[0].subject, truths[0].sent_at), "{when}");
        assert_eq!(found.status, status.name(), "{when}");
    } else {
        assert!(!story.mail.derived, "{when}");
        assert_eq!(found.message_id, mail.message_id, "{when}");
        assert_eq!((&*found.to, found.subject.as_deref()), ("to@example.com", Some("S")), "{when}");
        let status = if status == Status::Sent && !is_said { Status::Queued } else { status };
        assert_eq!(found.status, status.name(), "{when}");
    }
    let times: Vec<(&str, Timestamp)> =
        story.mail.times.iter().map(|(status, at)| (status.name(), *at)).collect();
    assert_eq!(times, expected_times(&truths), "{when}");

    if let [truth] = truths[..] {
        assert_eq!(crate::truth::recipients(&story), truth.recipients, "{when}");
    }
    let mut happened_here: Vec<Happened> = story
        .occurrences
        .iter()
        .map(|one| happened(&one.event_type, one.occurred_at, one.link_url.as_ref()))
        .collect();
    let mut expected: Vec<Happened> = truths
        .iter()
        .flat_map(|truth| &truth.occurrences)
        .map(|one| happened(&one.event_type, one.occurred_at, one.link.as_ref()))
        .collect();
    happened_here.sort();
    expected.sort();
    assert_eq!(happened_here, expected, "{when}");
    if mail.own.is_empty() {
        let whole = |one: &crate::Occurrence| {
            (
                one.event_type.clone(),
                one.occurred_at,
                one.subtype.clone(),
                one.recipients.clone(),
                one.bot_verdict.clone(),
            )
        };
        let found: BTreeSet<_> = story.occurrences.iter().map(whole).collect();
        let verdict =
            |verdict: aftersend_event::BotVerdict| crate::ingest::record::verdict_name(verdict).to_owned();
        let expected: BTreeSet<_> = truths
            .iter()
            .flat_map(|truth| &truth.occurrences)
            .map(|one| {
                let said = one.bot_verdict.map(verdict);
                (one.event_type.clone(), one.occurred_at, one.subtype.clone(), one.recipients.clone(), said)
            })
            .collect();
        assert_eq!(found, expected, "{when}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_and_events_end_the_same_in_any_order_as_ever() {
    // One that waits for the application, and one that does not.
    for seed in [1, 2] {
        an_application_and_events_end_the_same_in_any_order(seed).await;
    }
}

/// Another seed each time: what it finds is told by the message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_and_events_end_the_same_in_any_order_at_random() {
    an_application_and_events_end_the_same_in_any_order(fastrand::u64(3..)).await;
}
