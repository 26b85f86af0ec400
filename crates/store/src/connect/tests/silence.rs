//! A database that falls silent, as behind a firewall that forgot the connection: nothing arrives any more, and nobody
//! says so. Whoever asks is told within a time, and the next one has a connection that answers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use aftersend_testkit::database::proxy::{DatabaseProxy, Direction, Passage};
use serde_json::json;
use uuid::Uuid;

use crate::{
    IngestError, Joiner, QuarantineFilter, QueryError, Search, Store, TagNames, UnknownMails,
    search::query::Query,
    testing::{Fixture, assert_says, delivery, ingest_bodies, send},
};

use super::*;

/// How long an answer may take here.
const SHORT: Duration = Duration::from_secs(1);

/// Connections between a store and its database, which can be made silent.
struct Line {
    /// Connections so far.
    connections: Arc<AtomicUsize>,
    /// Those below this number are silent.
    silent_below: Arc<AtomicUsize>,
    /// After so many messages to the server all connections of then are silent; never with 0.
    messages_left: Arc<AtomicUsize>,
    proxy: DatabaseProxy,
}

impl Line {
    async fn to(url: &str) -> Self {
        let (connections, silent_below, messages_left) =
            (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (seen, silent, left) =
            (Arc::clone(&connections), Arc::clone(&silent_below), Arc::clone(&messages_left));
        let proxy = DatabaseProxy::start(url, move |passing| {
            seen.fetch_max(passing.connection + 1, SeqCst);
            let is_last = passing.direction == Direction::ToServer
                && left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) == Ok(1);
            if is_last {
                silent.store(seen.load(SeqCst), SeqCst);
            }
            if passing.connection < silent.load(SeqCst) { Passage::Lost } else { Passage::Pass }
        })
        .await;
        Self { connections, silent_below, messages_left, proxy }
    }

    async fn store(&self, fixture: &Fixture) -> Store {
        let address = self.proxy.url().parse().unwrap();
        let mut store = Store::open(&address, fixture.prefix.clone(), TagNames::default()).await.unwrap();
        (store.answer_timeout, store.batch_timeout) = (SHORT, SHORT);
        store
    }

    /// All connections that there are now fall silent.
    fn silence(&self) {
        self.silent_below.store(self.connections.load(SeqCst), SeqCst);
    }
}

const QUESTIONS: [&str; 9] = [
    "search",
    "find story",
    "list quarantine",
    "read quarantine",
    "find quarantined",
    "count quarantined",
    "parked",
    "blocks",
    "counts",
];

async fn ask(store: &Store, question: &str) -> Result<(), QueryError> {
    let all = QuarantineFilter::default();
    match question {
        "search" => store.search(&Search::new(Query::default())).await.map(drop),
        "find story" => store.find_story("m1").await.map(|story| assert!(story.is_some())),
        "list quarantine" => store.list_quarantine(&all, None, 10).await.map(drop),
        "read quarantine" => store.read_quarantine(&all, None, 10).await.map(drop),
        "find quarantined" => store.find_quarantined(Uuid::nil().into()).await.map(drop),
        "count quarantined" => store.count_quarantined(&all, None).await.map(drop),
        "parked" => store.parked().await.map(drop),
        "blocks" => store.list_blocks().await.map(drop),
        "counts" => store.count_all().await.map(drop),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn no_question_waits_for_ever() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[send("m1")]).await;
    let line = Line::to(fixture.schema.url()).await;
    let store = line.store(&fixture).await;
    for question in QUESTIONS {
        ask(&store, question).await.unwrap();
        line.silence();
        let error = ask(&store, question).await.unwrap_err();
        assert!(matches!(&error, QueryError::Unreachable(_)), "{question}: {error}");
        assert_says::<(), _>(Err(error), &["nothing came back within 1 s"]);
        ask(&store, question).await.unwrap();
    }
    line.silence();
    assert_says(store.require_schema().await, &["reading the schema's version", "within 1 s"]);
    store.require_schema().await.unwrap();
}

/// Those that lay idle meanwhile are as silent as the one that was used.
#[tokio::test]
async fn after_one_silence_there_is_no_other() {
    let fixture = Fixture::new().await;
    let line = Line::to(fixture.schema.url()).await;
    let store = line.store(&fixture).await;
    let held = [store.reader().await.unwrap(), store.reader().await.unwrap(), store.reader().await.unwrap()];
    drop(held);
    line.silence();
    ask(&store, "counts").await.unwrap_err();
    for _ in 0..3 {
        ask(&store, "counts").await.unwrap();
    }
}

#[tokio::test]
async fn changes_of_the_quarantine_have_a_limit() {
    let fixture = Fixture::new().await;
    let line = Line::to(fixture.schema.url()).await;
    let store = line.store(&fixture).await;
    let id = Uuid::now_v7();
    store.drop_quarantined(&[id]).await.unwrap();
    for _ in 0..2 {
        line.silence();
        assert_says(store.drop_quarantined(&[id]).await, &["is away", "did not answer within 1 s"]);
        assert_eq!(store.drop_quarantined(&[id]).await.unwrap(), 0);
        line.silence();
        assert_says(store.refuse_again(&[(id, "why".to_owned())]).await, &["did not answer within 1 s"]);
        store.refuse_again(&[(id, "why".to_owned())]).await.unwrap();
    }
}

/// Wherever in a round the silence begins: it ends, and the next ones do what is left.
#[tokio::test]
async fn a_joiner_gives_up_and_goes_on() {
    let mut heard_all = false;
    for number in (1..).step_by(17) {
        // One event waits for a mail that is known, and one mail was made that is logged now.
        let mut fixture = Fixture::adopted(Duration::ZERO).await;
        fixture.ingest(&[delivery("m2", "02:00")]).await;
        assert_eq!(fixture.join().await.joined, 1);
        fixture.wait_for(Duration::from_hours(1));
        fixture.ingest(&[delivery("m1", "01:00")]).await;
        for id in ["m1", "m2"] {
            fixture.log(&format!("pk_{id}")).await;
            fixture.note_id(&format!("pk_{id}"), id).await;
        }
        let line = Line::to(fixture.schema.url()).await;
        let park = UnknownMails::Auto { park_for: Duration::from_hours(1) };
        let store = line.store(&fixture).await.with_unknown_mails(park);
        line.messages_left.store(number, SeqCst);
        let mut joiner = Joiner::new(&store);
        match joiner.round().await {
            Ok(report) => heard_all = report.put_off == 0 && line.messages_left.swap(0, SeqCst) > 0,
            Err(error) => {
                assert!(matches!(&error, IngestError::Away(_)), "{number}: {error}");
                assert_says::<(), _>(Err(error), &["did not answer within 1 s"]);
            }
        }
        let began = std::time::Instant::now();
        loop {
            let rows = fixture
                .rows(r#"SELECT message_id, status FROM "prefix".phoenix_kit_email_logs ORDER BY message_id"#)
                .await;
            let parked = fixture.store.parked().await.unwrap().events;
            let expected = ["pk_m1", "pk_m2"].map(|id| json!({ "message_id": id, "status": "delivered" }));
            if parked == 0 && rows == expected {
                break;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "{number}: {parked} parked, {rows:?}");
            // What a silent session has locked is free when the server has noticed; that is not what is tested here.
            fixture
                .run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state <> 'idle' \
                     AND application_name = current_setting('application_name') AND pid <> pg_backend_pid()",
                )
                .await;
            // Away while a connection is made anew.
            let _ = joiner.round().await;
        }
        assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_events"#).await, 2, "{number}");
        let body = delivery("m1", "01:00").to_string();
        let again = ingest_bodies(&store, std::iter::once(body.as_bytes())).await.unwrap();
        assert_eq!((again.stored, again.repeated), (0, 1), "{number}");
        if heard_all {
            return;
        }
    }
}

/// Silent after the login, before the first answer: the pool's own limit is over by then.
#[tokio::test]
async fn a_server_that_lets_in_and_says_no_more() {
    let fixture = Fixture::new().await;
    let proxy = DatabaseProxy::start(fixture.schema.url(), |passing| match passing.sql() {
        Some(sql) if sql.starts_with("SET ") => Passage::Lost,
        _ => Passage::Pass,
    })
    .await;
    let address = format!("{} connect_timeout=1", proxy.url()).parse().unwrap();
    let store = Store::open(&address, fixture.prefix.clone(), TagNames::default()).await.unwrap();
    assert_says(ask(&store, "counts").await, &["does not answer", "fell silent after the login"]);
    assert_says(Joiner::new(&store).round().await, &["is away", "fell silent after the login"]);

    let proxy = DatabaseProxy::start(fixture.schema.url(), |passing| match passing.sql() {
        Some(_) => Passage::Lost,
        None => Passage::Pass,
    })
    .await;
    assert_says(
        open(&format!("{} connect_timeout=1", proxy.url())).await.map(drop),
        &["no PostgreSQL server answers", "does not speak within 2 s"],
    );
}
