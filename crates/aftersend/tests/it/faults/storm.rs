//! Everything at once.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use aftersend_testkit::{DatabaseProxy, QueueProxy};
use fastrand::Rng;

use super::{
    connections::Weather,
    poller::Poller,
    queues::Unruly,
    scene::{Deeds, Hidden, Scene},
};

const POLLERS: usize = 3;

/// Mails for each second of a storm: the pollers must not run out of work.
const MAILS_PER_SECOND: u64 = 6;

/// The longest pause between two faults from outside.
const PAUSE_MS_MAX: u64 = 1_500;

/// Of so many faults from outside one is a crash of the server; the others are kills of pollers.
const CRASH_ONE_IN: usize = 8;

/// What is made wrong by hand at the end, to see that it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sabotage {
    None,
    /// A row is changed.
    Row,
}

/// Kills pollers and the server for so long, while connections are cut and the queue misbehaves.
pub(super) async fn play(seed: u64, duration: Duration, sabotage: Sabotage) -> Deeds {
    let mails = usize::try_from(duration.as_secs().max(1) * MAILS_PER_SECOND).unwrap();
    let mut scene = Scene::with_private_server(seed, mails, Hidden::ForAWhile).await;
    let mut rng = Rng::with_seed(seed);
    let killer = scene.server().killer();
    let weather = Weather::new(rng.fork(), 0, &scene.counters);
    weather.switch(true);
    let decide = Arc::clone(&weather);
    let database = DatabaseProxy::start(&scene.database_url(), move |passing| decide.decide(passing)).await;
    let queue = QueueProxy::start(&scene.queue, Unruly::new(rng.fork(), &scene.counters)).await;
    let queue_url = queue.url(&scene.queue_url);
    let mut pollers: Vec<Poller> =
        (0..POLLERS).map(|_| scene.start_poller(database.url(), &queue_url)).collect();

    let share = scene.unsent() / 50;
    let until = Instant::now() + duration;
    while Instant::now() < until {
        scene.send(rng.usize(0..=2 * share)).await;
        tokio::time::sleep(Duration::from_millis(rng.u64(1..=PAUSE_MS_MAX))).await;
        if rng.usize(..CRASH_ONE_IN) == 0 {
            killer.kill();
            scene.server().restart().await;
            scene.counters.restarts.fetch_add(1, Relaxed);
            continue;
        }
        let place = rng.usize(..POLLERS);
        // One that found no database at its very start has ended with a sentence, as it should; whoever supervises
        // it starts it again.
        if !pollers[place].has_ended() {
            pollers[place].kill();
            scene.counters.kills.fetch_add(1, Relaxed);
        }
        pollers[place] = scene.start_poller(database.url(), &queue_url);
    }
    weather.switch(false);
    // In good weather none has a reason to end.
    drop(pollers);
    let last = (0..POLLERS).map(|_| scene.start_poller(database.url(), &queue_url));
    let mut last: Vec<Poller> = last.collect();
    if sabotage == Sabotage::Row {
        scene.work_off(&mut last).await;
        let store = scene.store().await;
        let id = scene.truth.mails.keys().next().expect("the plan has mails");
        let story = store.find_story(id).await.unwrap().expect("every mail of the truth is there");
        store.falsify_mail(story.mail.summary.uuid).await.unwrap();
    }
    scene.finish(last).await;
    scene.counters.deeds()
}
