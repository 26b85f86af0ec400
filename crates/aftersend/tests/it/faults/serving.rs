//! `serve` with a queue and the webhook at once, killed, ended and started again, its database, too.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use aftersend_testkit::{
    DatabaseProxy,
    database::proxy::{Direction, Passage},
};
use fastrand::Rng;
use tokio::sync::mpsc;

use super::{
    poller::Poller,
    postman::Postman,
    scene::{Deeds, Hidden, Scene},
    seed,
};

/// Up to how many messages the server still gets before something happens.
const MESSAGES_MAX: usize = 150;

/// How often it is looked whether something has come about.
const POLL: Duration = Duration::from_millis(20);

/// How long to wait for it.
const DEADLINE: Duration = Duration::from_mins(2);

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// SIGKILL of the program.
    Kill,
    /// SIGTERM: it must end in order.
    End,
    /// SIGKILL of PostgreSQL.
    Crash,
}

/// So many blows of each kind, in any order. Says besides how often SNS was told to wait.
pub(super) async fn play(seed: u64, of_each: usize) -> (Deeds, usize) {
    let mut rng = Rng::with_seed(seed);
    let mut blows = [Blow::Kill, Blow::End, Blow::Crash].repeat(of_each);
    rng.shuffle(&mut blows);
    let mut scene = Scene::with_private_server(seed, 25 * (blows.len() + 1), Hidden::Shortly).await;
    let share = scene.unsent() / (blows.len() + 1);
    let killer = scene.server().killer();

    let fuse = Arc::new(AtomicUsize::new(0));
    let (sender, mut burnt) = mpsc::unbounded_channel();
    let (burning, counters) = (Arc::clone(&fuse), Arc::clone(&scene.counters));
    let proxy = DatabaseProxy::start(&scene.database_url(), move |passing| {
        counters.batches.fetch_add(usize::from(passing.done() == Some("COMMIT")), Relaxed);
        let burn = |fuse: usize| fuse.checked_sub(1);
        if passing.direction == Direction::ToServer && burning.fetch_update(Relaxed, Relaxed, burn) == Ok(1) {
            // Nobody waits for it any more where the test has failed.
            let _ = sender.send(());
        }
        Passage::Pass
    })
    .await;
    let postman = Postman::start();
    let mut serving = start(&scene, &proxy, &postman).await;
    for blow in blows {
        // Half by each way.
        postman.take(scene.take(share / 2));
        scene.send(share - share / 2).await;
        fuse.store(rng.usize(1..=MESSAGES_MAX), Relaxed);
        loop {
            tokio::select! {
                biased;
                fired = burnt.recv() => {
                    fired.expect("the proxy is here");
                    break;
                }
                () = tokio::time::sleep(POLL) => {}
            }
            // Between two batches is a moment, too.
            if scene.waiting().await == 0 && postman.left() == 0 && fuse.swap(0, Relaxed) > 0 {
                break;
            }
        }
        match blow {
            Blow::Kill => {
                serving.kill();
                scene.counters.kills.fetch_add(1, Relaxed);
                serving = start(&scene, &proxy, &postman).await;
            }
            Blow::End => {
                serving.end().await;
                serving = start(&scene, &proxy, &postman).await;
            }
            Blow::Crash => {
                killer.kill();
                // Something is posted while the database is away.
                postman.take(scene.take(3));
                let (_, before) = postman.refused();
                until("SNS is told to wait", || postman.refused().1 > before || postman.left() == 0).await;
                scene.server().restart().await;
                scene.counters.restarts.fetch_add(1, Relaxed);
            }
        }
        assert!(!serving.has_ended(), "after {blow:?} it ended by itself; it said:\n{}", serving.said());
    }
    scene.send_rest().await;
    until("everything is posted", || postman.left() == 0).await;
    assert_eq!(postman.dropped(), Vec::<u16>::new(), "SNS drops what is answered so");
    scene.finish(vec![serving]).await;
    (scene.counters.deeds(), postman.refused().1)
}

async fn start(scene: &Scene, proxy: &DatabaseProxy, postman: &Postman) -> Poller {
    let mut serving = scene.start_serving(proxy.url());
    let said = serving.first_word().await;
    let hooks = said["hooks"].as_str().unwrap().strip_prefix("http://").unwrap();
    postman.turn_to(hooks.split('/').next().unwrap().to_owned());
    serving
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "it has not come about that {what}");
        tokio::time::sleep(POLL).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_posted_and_what_is_polled_is_stored_once_whatever_dies() {
    let (deeds, told_to_wait) = play(seed(), 2).await;
    assert_eq!((deeds.kills, deeds.restarts), (2, 2));
    assert!(told_to_wait > 0);
}
