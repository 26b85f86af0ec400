//! What this crate's tests share: a store with its tables, a second look at it, and events to store.

use std::{
    collections::BTreeSet,
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

use crate::{Feed, Patience, Pump, PumpError, Refused, Shutdown, Tally};

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
        let mut refused = Vec::new();
        let mut on_refused = |message: &Refused| refused.push(message.clone());
        let mut pump = Pump::new(&self.store, patience, shutdown, &mut on_refused);
        let (tally, result) =
            tokio::time::timeout(DEADLINE, pump.run(feed)).await.expect("the run should end");
        let parts =
            [tally.stored, tally.repeated, tally.folded, tally.parked, tally.control, tally.quarantined];
        assert_eq!(tally.received, parts.iter().sum::<usize>(), "{tally}");
        Run { tally, result, refused }
    }
}

/// What a run came to.
pub(crate) struct Run {
    pub(crate) tally: Tally,
    pub(crate) result: Result<(), PumpError>,
    pub(crate) refused: Vec<Refused>,
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
