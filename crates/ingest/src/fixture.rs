//! What this crate's tests share: a store with its tables, a second look at it, and events to store.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aftersend_store::{
    Store, TagNames,
    schema::{Migrator, Step},
};
use aftersend_testkit::{
    Database,
    database::{Client, TestSchema},
};

use crate::{Commit, Condition, Feed, Observer, Patience, Pump, PumpError, Refused, Shutdown, Tally};

/// How long a test waits for what should happen soon.
const DEADLINE: Duration = Duration::from_secs(20);

/// A store of a test's own.
pub(crate) struct Ground {
    pub(crate) store: Store,
    /// Sees only what is committed.
    pub(crate) client: Client,
    schema: TestSchema,
}

impl Ground {
    pub(crate) async fn new() -> Self {
        let ground = Self::without_tables().await;
        let address = ground.schema.url().parse().unwrap();
        let mut migrator = Migrator::open(&address, ground.store.prefix().clone()).await.unwrap();
        migrator.up(Step::LATEST).await.unwrap();
        ground
    }

    pub(crate) async fn without_tables() -> Self {
        let schema = Database::get().await.fresh_schema();
        let address = schema.url().parse().unwrap();
        let prefix = schema.prefix().parse().unwrap();
        let store = Store::open(&address, prefix, TagNames::default()).await.unwrap();
        Self { store, client: schema.client().await, schema }
    }

    /// One more session.
    pub(crate) async fn session(&self) -> Client {
        self.schema.client().await
    }

    /// A statement with `{p}` for the schema.
    pub(crate) fn sql(&self, statement: &str) -> String {
        statement.replace("{p}", self.schema.prefix())
    }

    pub(crate) async fn execute(&self, statement: &str) {
        self.client.batch_execute(&self.sql(statement)).await.unwrap();
    }

    pub(crate) async fn texts(&self, statement: &str) -> Vec<String> {
        let rows = self.client.query(&self.sql(statement), &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The SES ids of the mails that have events.
    pub(crate) async fn stored(&self) -> BTreeSet<String> {
        let statement = "SELECT DISTINCT log.aws_message_id FROM {p}.phoenix_kit_email_logs AS log \
                         JOIN {p}.phoenix_kit_email_events AS event ON event.email_log_uuid = log.uuid";
        self.texts(statement).await.into_iter().collect()
    }

    /// Events with a row of their own.
    pub(crate) async fn event_count(&self) -> u64 {
        self.store.count_all().await.unwrap().events
    }

    /// The bodies in the quarantine.
    pub(crate) async fn quarantined(&self) -> BTreeSet<Vec<u8>> {
        let statement = self.sql("SELECT body FROM {p}.aftersend_quarantine");
        self.client.query(&statement, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Sessions of the store that wait for a lock now.
    pub(crate) async fn waiting_sessions(&self) -> Vec<i32> {
        let statement = self.sql(
            "SELECT pid FROM pg_stat_activity WHERE application_name = '{p}' AND wait_event_type = 'Lock' \
             AND pid <> pg_backend_pid()",
        );
        self.client.query(&statement, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Waits until a session of the store waits for a lock, and names it.
    pub(crate) async fn waiting_session(&self) -> i32 {
        until("a session of the store waits for a lock", async || {
            self.waiting_sessions().await.first().copied()
        })
        .await
    }

    /// Pumps a feed to its end.
    pub(crate) async fn pump<F: Feed>(&self, feed: &mut F) -> Run {
        self.pump_with(feed, Patience::Endless, Shutdown::channel().1).await
    }

    pub(crate) async fn pump_with<F: Feed>(
        &self,
        feed: &mut F,
        patience: Patience,
        shutdown: Shutdown,
    ) -> Run {
        let told = Arc::new(Told::default());
        let pump = Pump::new(self.store.clone(), shutdown, told.clone());
        let running = pump.run(FEED, feed, patience);
        let (tally, result) = tokio::time::timeout(DEADLINE, running).await.expect("the run should end");
        Run::new(tally, result, &told)
    }

    /// Pumps several pollers' feeds to their end.
    pub(crate) async fn pump_pollers<F: Feed + 'static>(
        &self,
        feeds: Vec<F>,
        patience: Patience,
        shutdown: Shutdown,
    ) -> Run {
        let told = Arc::new(Told::default());
        let pump = Pump::new(self.store.clone(), shutdown, told.clone());
        let running = pump.run_pollers(FEED, feeds, patience);
        let (tally, result) = tokio::time::timeout(DEADLINE, running).await.expect("the run should end");
        Run::new(tally, result, &told)
    }
}

/// The name that feeds are given here.
pub(crate) const FEED: &str = "the feed";

/// What an observer was told.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) refused: Mutex<Vec<Refused>>,
    /// Conditions of the feed and of the database, as text, in the order in which they came.
    pub(crate) conditions: Mutex<Vec<String>>,
    /// Messages by what became of them, as far as is told beside the tally.
    pub(crate) counts: Mutex<BTreeMap<&'static str, usize>>,
    tally: Mutex<Tally>,
}

impl Told {
    fn count(&self, what: &'static str, messages: usize) {
        *self.counts.lock().unwrap().entry(what).or_default() += messages;
    }

    pub(crate) fn counted(&self, what: &str) -> usize {
        self.counts.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    pub(crate) fn conditions(&self) -> Vec<String> {
        self.conditions.lock().unwrap().clone()
    }

    fn condition(&self, of: &str, condition: Condition<'_>) {
        let text = match condition {
            // Nothing is known by it.
            Condition::Starting => return,
            Condition::Running => "running".to_owned(),
            Condition::Paused(reason) => format!("paused: {reason}"),
            Condition::Failed(reason) => format!("failed: {reason}"),
            Condition::Ended => "ended".to_owned(),
        };
        self.conditions.lock().unwrap().push(format!("{of} {text}"));
    }
}

impl Observer for Told {
    fn received(&self, feed: &str, messages: usize) {
        assert_eq!(feed, FEED);
        self.count("received", messages);
    }

    fn committed(&self, feed: &str, commit: &Commit<'_>) {
        assert_eq!(feed, FEED);
        let mut tally = self.tally.lock().unwrap();
        let report = commit.report;
        tally.stored += report.stored;
        tally.repeated += report.repeated;
        tally.folded += report.folded;
        tally.parked += report.parked;
        tally.late += report.late;
        tally.quarantined += report.quarantined;
        tally.received += commit.messages();
    }

    fn controls(&self, feed: &str, messages: usize) {
        assert_eq!(feed, FEED);
        let mut tally = self.tally.lock().unwrap();
        tally.control += messages;
        tally.received += messages;
    }

    fn refused(&self, _feed: &str, message: &Refused) {
        self.refused.lock().unwrap().push(message.clone());
    }

    fn unacknowledged(&self, _feed: &str, messages: usize) {
        self.count("unacknowledged", messages);
    }

    fn released(&self, _feed: &str, messages: usize) {
        self.count("released", messages);
    }

    fn feed(&self, feed: &str, condition: Condition<'_>) {
        self.condition(feed, condition);
    }

    fn database(&self, condition: Condition<'_>) {
        self.condition("the database", condition);
    }
}

/// What a run came to.
pub(crate) struct Run {
    pub(crate) tally: Tally,
    pub(crate) result: Result<(), PumpError>,
    pub(crate) refused: Vec<Refused>,
    pub(crate) told: Arc<Told>,
}

impl Run {
    /// The tally's parts add up, and an observer has heard of each.
    pub(crate) fn new(tally: Tally, result: Result<(), PumpError>, told: &Arc<Told>) -> Self {
        let parts = [
            tally.stored,
            tally.repeated,
            tally.folded,
            tally.parked,
            tally.late,
            tally.control,
            tally.quarantined,
        ];
        assert_eq!(tally.received, parts.iter().sum::<usize>(), "{tally}");
        assert_eq!(*told.tally.lock().unwrap(), tally);
        let refused = told.refused.lock().unwrap().clone();
        Self { tally, result, refused, told: told.clone() }
    }
}

/// Asks again and again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < DEADLINE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A delivery of a mail.
pub(crate) fn delivery(id: &str) -> String {
    event(
        id,
        "Delivery",
        r#""delivery":{"timestamp":"2026-09-01T10:00:05.000Z","recipients":["a@example.com"]}"#,
    )
}

/// The sending of a mail.
pub(crate) fn send(id: &str) -> String {
    event(id, "Send", r#""send":{}"#)
}

fn event(id: &str, event_type: &str, detail: &str) -> String {
    format!(
        r#"{{"eventType":"{event_type}","mail":{{"timestamp":"2026-09-01T10:00:00.000Z","messageId":"{id}","source":"shop@example.com","destination":["a@example.com"]}},{detail}}}"#
    )
}
