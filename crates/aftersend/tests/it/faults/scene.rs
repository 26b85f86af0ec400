//! What a scenario plays on: a database, a queue, traffic, and the truth about it.

use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use aftersend_event::Message;
use aftersend_simulator::{Plan, Truth, simulate};
use aftersend_store::{Store, TagNames};
use aftersend_testkit::{PrivateServer, QueueServer, database::Client, queue::Counts};
use serde::Serialize;
use serde_json::json;
use tempfile::TempDir;

use super::poller::Poller;
use crate::{
    hooks::{SECRET, TOPIC},
    program::{Setup, ended, program},
};

/// How long the queue may stay as it is while pollers are at work. They pause for some seconds when the database is away,
/// and PostgreSQL keeps the locks of a session that fell silent for ten.
const STANDSTILL_TIMEOUT: Duration = Duration::from_mins(2);

/// How often the queue is looked at.
const QUEUE_POLL: Duration = Duration::from_millis(50);

/// Differences that are told.
const DIFFERENCES_SHOWN_MAX: usize = 20;

/// Pollers of a process, unless told otherwise: so that they race inside of it, too.
const POLLERS_EACH: usize = 2;

/// The schema on a server of the scenario's own.
const PREFIX: &str = "mail";

/// The database of a scenario.
pub(super) enum Ground {
    /// A schema on the server that all tests share.
    Shared(Setup),
    /// A server of its own, which may be killed.
    Private(PrivateServer),
}

/// For how long the queue hides a message from others once somebody has received it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hidden {
    /// So that what a killed poller had received comes back at once.
    Shortly,
    /// So that pollers that are held up have time to store and delete it, as a rule.
    ForAWhile,
}

/// What was done in a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Deeds {
    /// Pollers killed.
    pub(super) kills: usize,
    /// Times that PostgreSQL was killed and started again.
    pub(super) restarts: usize,
    /// Connections to PostgreSQL that were cut.
    pub(super) cuts: usize,
    /// Messages of PostgreSQL's protocol that were held up or never arrived.
    pub(super) stalls: usize,
    /// Calls of the queue that went wrong.
    pub(super) queue_faults: usize,
    /// Messages sent to the queue.
    pub(super) messages: usize,
    /// Transactions committed, as far as a proxy saw them.
    pub(super) batches: usize,
}

impl std::ops::AddAssign for Deeds {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.restarts += other.restarts;
        self.cuts += other.cuts;
        self.stalls += other.stalls;
        self.queue_faults += other.queue_faults;
        self.messages += other.messages;
        self.batches += other.batches;
    }
}

/// The same while it goes on, counted from several threads.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) kills: AtomicUsize,
    pub(super) restarts: AtomicUsize,
    pub(super) cuts: AtomicUsize,
    pub(super) stalls: AtomicUsize,
    pub(super) queue_faults: AtomicUsize,
    pub(super) messages: AtomicUsize,
    pub(super) batches: AtomicUsize,
}

impl Counters {
    pub(super) fn deeds(&self) -> Deeds {
        Deeds {
            kills: self.kills.load(Relaxed),
            restarts: self.restarts.load(Relaxed),
            cuts: self.cuts.load(Relaxed),
            stalls: self.stalls.load(Relaxed),
            queue_faults: self.queue_faults.load(Relaxed),
            messages: self.messages.load(Relaxed),
            batches: self.batches.load(Relaxed),
        }
    }
}

/// A scenario's stage.
pub(super) struct Scene {
    ground: Ground,
    pub(super) queue: QueueServer,
    pub(super) queue_url: String,
    pub(super) truth: Truth,
    pub(super) counters: Arc<Counters>,
    /// Messages that are not in the queue yet.
    unsent: Mutex<VecDeque<Vec<u8>>>,
    /// Those that can't be read.
    malformed: BTreeSet<Vec<u8>>,
    /// Of what processes say, and of files for them.
    folder: TempDir,
    /// Processes so far.
    started: AtomicUsize,
    /// For how long events wait for their mail where an application has made the tables.
    park_for: Option<&'static str>,
}

impl Scene {
    /// On the shared server.
    pub(super) async fn new(seed: u64, mails: usize, hidden: Hidden) -> Self {
        Self::on(Ground::Shared(Setup::migrated().await), seed, mails, hidden).await
    }

    /// In tables that an application has made and goes on writing to.
    pub(super) async fn adopted(seed: u64, mails: usize, hidden: Hidden, park_for: &'static str) -> Self {
        let setup = Setup::migrated().await;
        let logs = format!("\"{}\".phoenix_kit_email_logs", setup.schema.prefix());
        setup.client().await.batch_execute(&format!("COMMENT ON TABLE {logs} IS NULL")).await.unwrap();
        let scene = Self::on(Ground::Shared(setup), seed, mails, hidden).await;
        Self { park_for: Some(park_for), ..scene }
    }

    /// On a server of its own.
    pub(super) async fn with_private_server(seed: u64, mails: usize, hidden: Hidden) -> Self {
        let server = PrivateServer::start().await;
        let mut migrate = program();
        migrate.args(["migrate", "up", "--database-url", &server.url(), "--prefix", PREFIX]);
        ended(migrate.output().unwrap()).ok();
        Self::on(Ground::Private(server), seed, mails, hidden).await
    }

    async fn on(ground: Ground, seed: u64, mails: usize, hidden: Hidden) -> Self {
        // Three kinds of malformed messages are text; the others a queue can't carry.
        let traffic = simulate(&Plan { seed, mails, malformed: 3, ..Plan::default() });
        let malformed: BTreeSet<Vec<u8>> =
            traffic.messages.iter().filter(|message| is_malformed(message)).cloned().collect();
        assert_eq!(malformed.len(), traffic.truth.malformed, "the parser and the simulator agree");
        let queue = QueueServer::start().await;
        let visibility_timeout_s = match hidden {
            Hidden::Shortly => "1",
            Hidden::ForAWhile => "5",
        };
        let attributes = json!({"VisibilityTimeout": visibility_timeout_s});
        let queue_url = queue.create_queue_with("events", &attributes).await;
        Self {
            ground,
            queue,
            queue_url,
            truth: traffic.truth,
            counters: Arc::default(),
            unsent: Mutex::new(traffic.messages.into()),
            malformed,
            folder: tempfile::tempdir().unwrap(),
            started: AtomicUsize::new(0),
            park_for: None,
        }
    }

    /// The server of its own.
    pub(super) fn server(&mut self) -> &mut PrivateServer {
        match &mut self.ground {
            Ground::Private(server) => server,
            Ground::Shared(_) => panic!("this scene has no server of its own"),
        }
    }

    /// How to connect to the database, past all proxies.
    pub(super) fn database_url(&self) -> String {
        match &self.ground {
            Ground::Shared(setup) => setup.schema.url().to_owned(),
            Ground::Private(server) => server.url(),
        }
    }

    pub(super) fn prefix(&self) -> &str {
        match &self.ground {
            Ground::Shared(setup) => setup.schema.prefix(),
            Ground::Private(_) => PREFIX,
        }
    }

    /// Puts the next messages into the queue, as far as there are any.
    pub(super) async fn send(&self, messages_max: usize) {
        let messages: Vec<Vec<u8>> = {
            let mut unsent = self.unsent.lock().unwrap();
            let count = messages_max.min(unsent.len());
            unsent.drain(..count).collect()
        };
        self.counters.messages.fetch_add(messages.len(), Relaxed);
        self.queue.send_all(&self.queue_url, &messages).await;
    }

    /// Takes the next messages, as far as there are any, for another feed than the queue.
    pub(super) fn take(&self, messages_max: usize) -> Vec<Vec<u8>> {
        let mut unsent = self.unsent.lock().unwrap();
        let count = messages_max.min(unsent.len());
        self.counters.messages.fetch_add(count, Relaxed);
        unsent.drain(..count).collect()
    }

    /// Puts all that are left into the queue.
    pub(super) async fn send_rest(&self) {
        self.send(usize::MAX).await;
    }

    /// How many messages are not in the queue yet.
    pub(super) fn unsent(&self) -> usize {
        self.unsent.lock().unwrap().len()
    }

    /// Starts a poller that sees the database and the queue by these URLs.
    pub(super) fn start_poller(&self, database_url: &str, queue_url: &str) -> Poller {
        self.start_pollers(POLLERS_EACH, database_url, queue_url)
    }

    /// Starts a process with so many pollers.
    pub(super) fn start_pollers(&self, pollers: usize, database_url: &str, queue_url: &str) -> Poller {
        self.start(database_url, |command| {
            let pollers = pollers.to_string();
            command
                .args(["ingest", "sqs", "--json", "--queue-url", queue_url, "--pollers", &pollers])
                .env("AWS_ACCESS_KEY_ID", "test")
                .env("AWS_SECRET_ACCESS_KEY", "test");
        })
    }

    /// Starts the site with two pollers and the webhook.
    pub(super) fn start_serving(&self, database_url: &str) -> Poller {
        self.start(database_url, |command| {
            command
                .args(["serve", "--json", "--listen", "127.0.0.1:0"])
                .args(["--hooks-listen", "127.0.0.1:0", "--hooks-topic", TOPIC])
                .env("AFTERSEND_HOOKS_SECRET", SECRET)
                .env("AFTERSEND_QUEUE_URL", &self.queue_url)
                .env("AFTERSEND_POLLERS", POLLERS_EACH.to_string())
                .env("AWS_ACCESS_KEY_ID", "test")
                .env("AWS_SECRET_ACCESS_KEY", "test");
        })
    }

    /// Starts a run over a file.
    pub(super) fn start_file(&self, database_url: &str, path: &Path) -> Poller {
        self.start(database_url, |command| {
            command.args(["ingest", "file", "--json"]).arg(path);
        })
    }

    fn start(&self, database_url: &str, arguments: impl FnOnce(&mut Command)) -> Poller {
        let mut command = program();
        command.env("AFTERSEND_DATABASE_URL", database_url).env("AFTERSEND_PREFIX", self.prefix());
        if let Some(park_for) = self.park_for {
            command.env("AFTERSEND_PARK_FOR", park_for);
        }
        arguments(&mut command);
        let number = self.started.fetch_add(1, Relaxed);
        Poller::start(command, &self.folder.path().join(format!("process-{number}")))
    }

    /// Writes the messages that can be read into a file, a line each, and forgets the others: where a broken
    /// document ends, only a queue knows.
    pub(super) fn write_file(&mut self) -> PathBuf {
        let messages: Vec<Vec<u8>> = self.unsent.get_mut().unwrap().drain(..).collect();
        let (_, readable): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|message| self.malformed.contains(message));
        self.malformed.clear();
        self.truth.malformed = 0;
        self.counters.messages.fetch_add(readable.len(), Relaxed);
        let path = self.folder.path().join("events.ndjson");
        fs::write(&path, readable.join(&b'\n')).unwrap();
        path
    }

    /// How many messages the queue holds, those in flight included.
    pub(super) async fn waiting(&self) -> u64 {
        let Counts { visible, in_flight } = self.queue.counts(&self.queue_url).await;
        visible + in_flight
    }

    /// Sends the rest, and waits until these pollers have worked off everything.
    pub(super) async fn work_off(&self, pollers: &mut [Poller]) {
        self.send_rest().await;
        let mut before = u64::MAX;
        let mut moved = Instant::now();
        loop {
            let waiting = self.waiting().await;
            if waiting == 0 {
                return;
            }
            if waiting != before {
                (before, moved) = (waiting, Instant::now());
            }
            for poller in &mut *pollers {
                assert!(!poller.has_ended(), "a poller ended by itself; it said:\n{}", poller.said());
            }
            assert!(
                moved.elapsed() < STANDSTILL_TIMEOUT,
                "{waiting} messages stay in the queue; a poller said:\n{}",
                pollers.first().map_or(String::new(), Poller::said)
            );
            tokio::time::sleep(QUEUE_POLL).await;
        }
    }

    /// Works off everything, ends the pollers, and expects that all is as it should be. Gives the tallies.
    pub(super) async fn finish(&self, mut pollers: Vec<Poller>) -> Vec<serde_json::Value> {
        self.work_off(&mut pollers).await;
        let mut tallies = Vec::with_capacity(pollers.len());
        for poller in pollers {
            tallies.push(poller.end().await);
        }
        let differences = self.differences().await;
        assert!(
            differences.is_empty(),
            "{} differences:\n{}",
            differences.len(),
            differences[..differences.len().min(DIFFERENCES_SHOWN_MAX)].join("\n")
        );
        tallies
    }

    /// What is not as it should be, a sentence each.
    pub(super) async fn differences(&self) -> Vec<String> {
        let store = self.store().await;
        let mut differences = store.compare(&self.truth).await.unwrap().differences;
        if self.park_for.is_some() {
            // There it is the application's own id, or one that is in nobody's way.
            differences.retain(|difference| !difference.contains(": message id is "));
        }
        let quarantined = self.quarantined().await;
        let strange = quarantined.symmetric_difference(&self.malformed).count();
        if strange > 0 {
            differences.push(format!("{strange} messages are in quarantine wrongly, or not in it wrongly"));
        }
        let waiting = self.waiting().await;
        if waiting > 0 || self.unsent() > 0 {
            differences.push(format!("{waiting} messages are left in the queue"));
        }
        differences
    }

    pub(super) async fn store(&self) -> Store {
        let address = self.database_url().parse().unwrap();
        Store::open(&address, self.prefix().parse().unwrap(), TagNames::default()).await.unwrap()
    }

    async fn quarantined(&self) -> BTreeSet<Vec<u8>> {
        let client = Client::connect(&self.database_url()).await;
        let statement = format!("SELECT body FROM \"{}\".aftersend_quarantine", self.prefix());
        client.query(&statement, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }
}

fn is_malformed(message: &[u8]) -> bool {
    match aftersend_event::read(message) {
        Ok(Message::Event(document)) => document.event().is_err(),
        Ok(Message::Control(_)) => false,
        Err(_) => true,
    }
}
