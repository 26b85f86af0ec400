//! A queue that repeats, reorders, delays, throttles, loses calls and answers, and fails a part of a batch; and many
//! pollers on one.

use std::{
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::Duration,
};

use aftersend_testkit::queue::proxy::{Call, Fate, Faults, Reply};
use fastrand::Rng;
use serde_json::Value;

use super::{
    crew::Crew,
    scene::{Counters, Deeds, Hidden, Scene},
    seed,
};

/// How long a call is held up at most.
const LATE_MS_MAX: u64 = 1_000;

/// A queue that does all that SQS may do, and more often.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>
pub(super) struct Unruly {
    rng: Mutex<Rng>,
    counters: Arc<Counters>,
}

impl Unruly {
    pub(super) fn new(rng: Rng, counters: &Arc<Counters>) -> Self {
        Self { rng: Mutex::new(rng), counters: Arc::clone(counters) }
    }

    /// The fate of a call in which `harm` out of 100 go wrong.
    fn fate(&self, call: &Call, harm: u32) -> Fate {
        let mut rng = self.rng.lock().unwrap();
        if rng.u32(..100) >= harm {
            return Fate::Pass;
        }
        self.counters.queue_faults.fetch_add(1, Relaxed);
        let mut failing = call.entry_ids();
        match rng.u32(..6) {
            0 => Fate::Drop,
            1 => Fate::Refuse(400, "RequestThrottled"),
            2 => Fate::Refuse(503, "ServiceUnavailable"),
            3 => Fate::Late(Duration::from_millis(rng.u64(1..=LATE_MS_MAX))),
            _ if failing.is_empty() => Fate::Refuse(400, "OverLimit"),
            _ => {
                rng.shuffle(&mut failing);
                failing.truncate(rng.usize(1..=failing.len()));
                Fate::FailEntries(failing)
            }
        }
    }
}

impl Faults for Unruly {
    fn before(&self, call: &mut Call) -> Fate {
        match call.action.as_str() {
            "ReceiveMessage" => {
                // Others get the same messages at once.
                if self.rng.lock().unwrap().u32(..8) == 0 {
                    self.counters.queue_faults.fetch_add(1, Relaxed);
                    call.request["VisibilityTimeout"] = 0.into();
                }
                self.fate(call, 6)
            }
            _ => self.fate(call, 20),
        }
    }

    fn after(&self, call: &Call, answer: &mut Value) -> Reply {
        let mut rng = self.rng.lock().unwrap();
        if let Some(messages) = answer["Messages"].as_array_mut() {
            rng.shuffle(messages);
            if rng.u32(..8) == 0 && messages.len() < 10 {
                let again = rng.choice(&*messages).cloned();
                messages.extend(again);
            }
        }
        // A long poll that brought nothing is lost without harm.
        let lost = rng.u32(..15) == 0 && call.action != "GetQueueAttributes";
        self.counters.queue_faults.fetch_add(usize::from(lost), Relaxed);
        if lost { Reply::Drop } else { Reply::Give }
    }
}

/// Processes with so many pollers each at a queue that misbehaves.
pub(super) async fn play(seed: u64, pollers_each: &[usize]) -> Deeds {
    let scene = Scene::new(seed, 60, Hidden::ForAWhile).await;
    let rng = Mutex::new(Rng::with_seed(seed));
    let unruly = |_| Unruly::new(rng.lock().unwrap().fork(), &scene.counters);
    let crew = Crew::start(&scene, pollers_each, &scene.database_url(), unruly).await;
    scene.send_rest().await;
    let tallies = scene.finish(crew.pollers).await;
    // No answer of the database was lost, so that whoever stored an event knows it.
    let sum = |part: &str| tallies.iter().map(|tally| tally[part].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("stored") + sum("folded"), scene.truth.distinct_events as u64, "{tallies:?}");
    assert!(sum("received") >= scene.truth.messages as u64, "{tallies:?}");
    scene.counters.deeds()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_misbehaves_loses_nothing_and_doubles_nothing() {
    let deeds = play(seed(), &[1, 1]).await;
    assert!(deeds.queue_faults > 10, "{deeds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_processes_on_one_queue_store_each_event_once() {
    play(seed(), &[1; 8]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_pollers_of_one_process_store_each_event_once() {
    play(seed(), &[8]).await;
}
