//! Connections to PostgreSQL that are cut in the middle of a statement, are slow, or fall silent.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use aftersend_testkit::{
    DatabaseProxy,
    database::proxy::{Passage, Passing},
};
use fastrand::Rng;

use super::{
    crew::{Crew, Tame},
    scene::{Counters, Deeds, Hidden, Scene},
    seed,
};

/// Of so many messages one is the last of its connection.
const CUT_ONE_IN: usize = 250;

/// Of so many messages one is held up.
const LATE_ONE_IN: usize = 200;

/// For how long at most: some are held up for longer than a lock is waited for.
const LATE_MS_MAX: u64 = 800;

/// How often it is looked whether the pollers can take more.
const QUEUE_POLL: Duration = Duration::from_millis(20);

/// What becomes of messages, once it is switched on.
pub(super) struct Weather {
    rng: Mutex<Rng>,
    on: AtomicBool,
    /// Messages that never arrive, though their connection stays open.
    losses_left: AtomicUsize,
    counters: Arc<Counters>,
}

impl Weather {
    pub(super) fn new(rng: Rng, losses: usize, counters: &Arc<Counters>) -> Arc<Self> {
        Arc::new(Self {
            rng: Mutex::new(rng),
            on: AtomicBool::new(false),
            losses_left: AtomicUsize::new(losses),
            counters: Arc::clone(counters),
        })
    }

    pub(super) fn switch(&self, on: bool) {
        self.on.store(on, SeqCst);
    }

    pub(super) fn decide(&self, passing: &Passing<'_>) -> Passage {
        self.counters.batches.fetch_add(usize::from(passing.done() == Some("COMMIT")), Relaxed);
        if !self.on.load(SeqCst) {
            return Passage::Pass;
        }
        let mut rng = self.rng.lock().unwrap();
        if rng.usize(..CUT_ONE_IN) == 0 {
            self.counters.cuts.fetch_add(1, Relaxed);
            return if rng.bool() { Passage::Cut } else { Passage::CutWithin };
        }
        if rng.usize(..LATE_ONE_IN) == 0 {
            self.counters.stalls.fetch_add(1, Relaxed);
            let lose = |left: usize| left.checked_sub(1);
            if self.losses_left.fetch_update(Relaxed, Relaxed, lose).is_ok() {
                return Passage::Lost;
            }
            return Passage::Late(Duration::from_millis(rng.u64(1..=LATE_MS_MAX)));
        }
        Passage::Pass
    }
}

/// Many small batches in bad weather, with some messages that never arrive.
pub(super) async fn play(seed: u64, pollers: usize, losses: usize) -> Deeds {
    let scene = Scene::new(seed, 80, Hidden::ForAWhile).await;
    let mut rng = Rng::with_seed(seed);
    let weather = Weather::new(rng.fork(), losses, &scene.counters);
    let decide = Arc::clone(&weather);
    let proxy = DatabaseProxy::start(&scene.database_url(), move |passing| decide.decide(passing)).await;
    let crew = Crew::start(&scene, &vec![1; pollers], proxy.url(), |_| Tame).await;
    weather.switch(true);
    while scene.unsent() > 0 {
        scene.send(rng.usize(1..=30)).await;
        while scene.waiting().await > 60 {
            tokio::time::sleep(QUEUE_POLL).await;
        }
    }
    scene.finish(crew.pollers).await;
    scene.counters.deeds()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_and_held_up_lose_nothing_and_double_nothing() {
    let deeds = play(seed(), 3, 0).await;
    assert!(deeds.cuts > 10 && deeds.stalls > 5, "{deeds:?}");
}
