//! PostgreSQL killed under load and started again, while pollers go on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use aftersend_testkit::{
    DatabaseProxy,
    database::proxy::{Direction, Passage},
};
use fastrand::Rng;
use tokio::sync::mpsc;

use super::{
    crew::{Crew, Tame},
    scene::{Deeds, Hidden, Scene},
    seed,
};

/// Up to how many messages the server still gets from pollers before it is killed: those of two batches or so.
const MESSAGES_MAX: usize = 150;

/// How often it is looked whether the pollers have run out of work before that.
const IDLE_POLL: Duration = Duration::from_millis(50);

/// So many crashes of the server, with so many pollers at work.
pub(super) async fn play(seed: u64, crashes: usize, pollers: usize) -> Deeds {
    let mut scene = Scene::with_private_server(seed, 40 * (crashes + 1), Hidden::Shortly).await;
    let mut rng = Rng::with_seed(seed);
    let share = scene.unsent() / (crashes + 1);
    let killer = scene.server().killer();

    // Messages until the next crash; none with 0.
    let fuse = Arc::new(AtomicUsize::new(0));
    let (sender, mut crashed) = mpsc::unbounded_channel();
    let (burning, counters, at_once) = (Arc::clone(&fuse), Arc::clone(&scene.counters), killer.clone());
    let proxy = DatabaseProxy::start(&scene.database_url(), move |passing| {
        counters.batches.fetch_add(usize::from(passing.done() == Some("COMMIT")), Relaxed);
        let burn = |fuse: usize| fuse.checked_sub(1);
        if passing.direction == Direction::ToServer && burning.fetch_update(Relaxed, Relaxed, burn) == Ok(1) {
            at_once.kill();
            // Nobody waits for it any more where the test has failed.
            let _ = sender.send(());
        }
        Passage::Pass
    })
    .await;
    let crew = Crew::start(&scene, &vec![1; pollers], proxy.url(), |_| Tame).await;
    for _ in 0..crashes {
        fuse.store(rng.usize(1..=MESSAGES_MAX), Relaxed);
        scene.send(share).await;
        loop {
            tokio::select! {
                biased;
                crash = crashed.recv() => break crash.expect("the proxy is here"),
                () = tokio::time::sleep(IDLE_POLL) => {}
            }
            if scene.waiting().await == 0 && fuse.swap(0, Relaxed) > 0 {
                // Between two batches is a moment, too.
                killer.kill();
                break;
            }
        }
        scene.server().restart().await;
        scene.counters.restarts.fetch_add(1, Relaxed);
    }
    scene.finish(crew.pollers).await;
    scene.counters.deeds()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pollers_outlive_a_server_that_is_killed_again_and_again() {
    let deeds = play(seed(), 3, 3).await;
    assert_eq!(deeds.restarts, 3);
}
