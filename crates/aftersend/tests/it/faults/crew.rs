//! Several processes at work on one queue, each behind a proxy of its own.

use std::time::Duration;

use aftersend_testkit::{
    QueueProxy,
    queue::proxy::{Call, Fate, Faults, Reply},
};
use serde_json::Value;
use tokio::{sync::mpsc, time::timeout};

use super::{poller::Poller, scene::Scene};

/// How long pollers may take until they ask for messages.
const ARRIVAL_TIMEOUT: Duration = Duration::from_mins(1);

/// Pollers that have begun to ask for messages: from here on they must outlive whatever happens.
pub(super) struct Crew {
    pub(super) pollers: Vec<Poller>,
    /// What they see the queue through.
    _queues: Vec<QueueProxy>,
}

impl Crew {
    /// Starts processes with so many pollers each, and waits until all of them have asked for messages. The queue
    /// should be empty so far.
    pub(super) async fn start<F: Faults>(
        scene: &Scene,
        pollers_each: &[usize],
        database_url: &str,
        faults: impl Fn(usize) -> F,
    ) -> Self {
        let count = pollers_each.len();
        let (sender, mut arrivals) = mpsc::unbounded_channel();
        let (mut pollers, mut queues) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for (number, pollers_each) in pollers_each.iter().enumerate() {
            let noticed = Noticed { faults: faults(number), number, arrivals: sender.clone() };
            let queue = QueueProxy::start(&scene.queue, noticed).await;
            pollers.push(scene.start_pollers(*pollers_each, database_url, &queue.url(&scene.queue_url)));
            queues.push(queue);
        }
        let mut missing: Vec<usize> = (0..count).collect();
        while !missing.is_empty() {
            let Ok(arrived) = timeout(ARRIVAL_TIMEOUT, arrivals.recv()).await else {
                panic!(
                    "pollers {missing:?} don't ask for messages; one said:\n{}",
                    pollers[missing[0]].said()
                );
            };
            missing.retain(|number| Some(*number) != arrived);
        }
        Self { pollers, _queues: queues }
    }
}

/// Tells when messages are asked for, and shortens long polls: what one of a poller that was killed still receives is
/// gone for a while.
struct Noticed<F> {
    faults: F,
    number: usize,
    arrivals: mpsc::UnboundedSender<usize>,
}

impl<F: Faults> Faults for Noticed<F> {
    fn before(&self, call: &mut Call) -> Fate {
        if call.action == "ReceiveMessage" {
            // Nobody listens any more when all have arrived.
            let _ = self.arrivals.send(self.number);
            shorten(call);
        }
        self.faults.before(call)
    }

    fn after(&self, call: &Call, answer: &mut Value) -> Reply {
        self.faults.after(call, answer)
    }
}

/// Lets a long poll wait for a second at most: one that outlives its poller must not take messages that come much later.
pub(super) fn shorten(call: &mut Call) {
    if call.request["WaitTimeSeconds"].as_u64() > Some(1) {
        call.request["WaitTimeSeconds"] = 1.into();
    }
}

/// Nothing goes wrong.
pub(super) struct Tame;

impl Faults for Tame {}
