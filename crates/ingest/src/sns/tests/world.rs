//! A listener with everything around it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::SignedDuration;
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};

use super::{
    client::{self, Reply},
    letter::{CERTIFICATE_PATH, HOST, Letter, OTHER_TOPIC, TOPIC},
    origin::Origin,
    signer::Signer,
};
use crate::{
    Feed, Intake,
    sns::{HookCounts, HooksOptions, SnsFeed, SnsHooks, https::Https, server::Waits},
};

/// Long enough for a slow machine, and never waited for.
const LONG: Duration = Duration::from_mins(1);

/// Waits that end nothing that a test does not mean to end.
pub(super) const PATIENT: Waits = Waits { head: LONG, body: LONG, answer: LONG, outage: Duration::ZERO };

pub(super) struct World {
    pub(super) origin: Origin,
    pub(super) signer: Signer,
    pub(super) address: SocketAddr,
    pub(super) counts: HookCounts,
    stored: Arc<Mutex<Vec<String>>>,
    _stop: oneshot::Sender<()>,
    tasks: JoinSet<()>,
}

/// Two topics are allowed.
pub(super) fn options() -> HooksOptions {
    HooksOptions {
        topics: [TOPIC, OTHER_TOPIC].map(|topic| topic.parse().unwrap()).into(),
        ..HooksOptions::default()
    }
}

/// SNS's host, and the key that signs there.
async fn sns() -> (Origin, Signer) {
    let signer = Signer::new();
    let origin = Origin::named(&[HOST]).await;
    let year = SignedDuration::from_hours(365 * 24);
    origin.put(CERTIFICATE_PATH, signer.certificate(-year, year));
    (origin, signer)
}

impl World {
    /// Everything as it should be, and whatever is posted counts as stored at once.
    pub(super) async fn new(options: &HooksOptions) -> Self {
        let (mut world, feed) = Self::with_feed(options, PATIENT).await;
        world.store(feed);
        world
    }

    /// The same, for the database of this pump, and the feed for it.
    pub(super) async fn with_intake(intake: Intake) -> (Self, SnsFeed) {
        let (origin, signer) = sns().await;
        Self::at(origin, signer, &options(), PATIENT, intake).await
    }

    /// The same, and the feed for whoever is to store.
    pub(super) async fn with_feed(options: &HooksOptions, waits: Waits) -> (Self, SnsFeed) {
        let (origin, signer) = sns().await;
        Self::around(origin, signer, options, waits).await
    }

    pub(super) async fn around(
        origin: Origin,
        signer: Signer,
        options: &HooksOptions,
        waits: Waits,
    ) -> (Self, SnsFeed) {
        Self::at(origin, signer, options, waits, Intake::open()).await
    }

    async fn at(
        origin: Origin,
        signer: Signer,
        options: &HooksOptions,
        waits: Waits,
        intake: Intake,
    ) -> (Self, SnsFeed) {
        let https = Https::to(origin.address, origin.roots.clone(), waits.answer);
        let (hooks, feed) = SnsHooks::with(options, https, waits);
        let counts = hooks.counts();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let stopped = async {
                // Dropped at the end of the test.
                let _ = stopped.await;
            };
            hooks.serve(listener, intake, stopped).await.unwrap();
        });
        (Self { origin, signer, address, counts, stored: Arc::default(), _stop: stop, tasks }, feed)
    }

    /// Lets everything that comes count as stored, and keeps it.
    pub(super) fn store(&mut self, mut feed: SnsFeed) {
        let stored = self.stored.clone();
        self.tasks.spawn(async move {
            while let Some(messages) = feed.receive(500).await.unwrap() {
                let mut receipts = Vec::new();
                for message in messages {
                    stored.lock().unwrap().push(String::from_utf8(message.body).unwrap());
                    receipts.push(message.receipt);
                }
                feed.acknowledge(receipts).await.unwrap();
            }
        });
    }

    /// The bodies that were stored.
    pub(super) fn stored(&self) -> Vec<String> {
        self.stored.lock().unwrap().clone()
    }

    pub(super) async fn post(&self, letter: &Letter) -> Reply {
        self.post_bytes(&letter.json()).await
    }

    pub(super) async fn post_bytes(&self, body: &[u8]) -> Reply {
        client::post(self.address, &[], body).await
    }

    /// How often a reason for a refusal was given.
    pub(super) fn refused(&self, reason: &str) -> u64 {
        self.counts.refused().find(|(name, _)| *name == reason).expect("a reason that there is").1
    }

    /// Posts what must be refused for that reason, with that status.
    #[track_caller]
    pub(super) fn refuses<'w>(
        &'w self,
        what: &'w str,
        letter: &Letter,
        status: u16,
        reason: &'w str,
    ) -> impl Future<Output = ()> + use<'w> {
        self.refuses_bytes(what, letter.json(), status, reason)
    }

    pub(super) async fn refuses_bytes(&self, what: &str, body: Vec<u8>, status: u16, reason: &str) {
        let (refused, stored) = (self.refused(reason), self.stored().len());
        let reply = self.post_bytes(&body).await;
        assert_eq!(reply.status, status, "{what}: {:?}", self.counts);
        assert_eq!(self.refused(reason), refused + 1, "{what}: {:?}", self.counts);
        assert_eq!(self.stored().len(), stored, "{what}");
    }
}
