//! The made-up messages as a feed, with several pumps at it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use aftersend_ingest::{Feed, FeedError, Received};

/// Messages that several pumps take from.
#[derive(Clone)]
pub(super) struct Queue(Arc<Mutex<VecDeque<Numbered>>>);

/// A message and its place in the traffic.
type Numbered = (usize, Vec<u8>);

impl Queue {
    pub(super) fn new(messages: &[Vec<u8>]) -> Self {
        Self(Arc::new(Mutex::new(messages.iter().cloned().enumerate().collect())))
    }
}

/// One pump's way to the queue.
pub(super) struct SimulatedFeed {
    queue: Queue,
    /// How many messages the next receive brings: batches of all sizes meet.
    next: usize,
}

impl SimulatedFeed {
    pub(super) fn new(queue: Queue, place: usize) -> Self {
        Self { queue, next: 1 + 17 * place }
    }
}

impl Feed for SimulatedFeed {
    type Receipt = ();

    const NAME: &'static str = "simulator";

    async fn receive(&mut self, messages_max: usize) -> Result<Option<Vec<Received<()>>>, FeedError> {
        // Nothing is left half done by a pump that panicked: a drained message is gone either way.
        let mut waiting = self.queue.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() {
            return Ok(None);
        }
        let count = self.next.clamp(1, messages_max).min(waiting.len());
        self.next = self.next * 3 % 251 + 1;
        let messages = waiting.drain(..count);
        Ok(Some(
            messages
                .map(|(place, body)| Received {
                    body,
                    origin: format!("message {}", place + 1),
                    overlong_bytes: None,
                    receipt: (),
                })
                .collect(),
        ))
    }

    async fn acknowledge(&mut self, _receipts: Vec<()>) -> Result<usize, FeedError> {
        Ok(0)
    }
}
