//! What the listener has taken and nobody has stored yet.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::refusal::Reason;
use crate::{Feed, FeedError, Received};

/// Messages that wait to be stored, at most: some batches of the pump.
const WAITING_MESSAGES_MAX: usize = 2_000;

/// Kibibytes of bodies in memory at most, from the first byte that is read until the message is stored.
const BUFFERED_KIB_MAX: usize = 32 * 1_024;

const KIB: usize = 1_024;

/// Room in memory for a body, given back when the message is stored or forgotten.
pub(super) struct Room(OwnedSemaphorePermit);

/// Where the listener puts messages.
#[derive(Clone)]
pub(super) struct Inbox {
    waiting: mpsc::Sender<Received<HookReceipt>>,
    budget: Arc<Semaphore>,
}

/// Messages that SNS has posted and that wait for their answer.
///
/// Messages gather here while the pump stores a batch, and are the next one. So many small requests share a
/// transaction, and a single one waits for nobody.
pub struct SnsFeed {
    waiting: mpsc::Receiver<Received<HookReceipt>>,
}

/// Lets the request of a message be answered. Dropped instead, it lets it be answered with 503, and SNS posts the
/// message again.
pub struct HookReceipt {
    stored: oneshot::Sender<()>,
    _room: Room,
}

/// A message that is on its way into the database.
pub(super) struct Posted(oneshot::Receiver<()>);

impl Posted {
    /// Waits until the message is stored. An error means that it was not, as far as anybody will tell.
    pub(super) async fn stored(self) -> Result<(), Reason> {
        self.0.await.map_err(|_| Reason::NotStored)
    }
}

/// An inbox and the feed that it fills.
pub(super) fn channel() -> (Inbox, SnsFeed) {
    let (sender, receiver) = mpsc::channel(WAITING_MESSAGES_MAX);
    let budget = Arc::new(Semaphore::new(BUFFERED_KIB_MAX));
    (Inbox { waiting: sender, budget }, SnsFeed { waiting: receiver })
}

impl Inbox {
    /// Room for a body of which nothing has come yet.
    pub(super) fn room(&self) -> Result<Room, Reason> {
        self.take(0).map(Room)
    }

    /// Makes room for a body of so many bytes, or gives back what one does not need.
    pub(super) fn resize(&self, room: &mut Room, bytes: usize) -> Result<(), Reason> {
        let (has_kib, needs_kib) = (room.0.num_permits(), bytes.div_ceil(KIB));
        if needs_kib > has_kib {
            room.0.merge(self.take(needs_kib - has_kib)?);
        } else {
            drop(room.0.split(has_kib - needs_kib));
        }
        Ok(())
    }

    fn take(&self, kib: usize) -> Result<OwnedSemaphorePermit, Reason> {
        let kib = u32::try_from(kib).map_err(|_| Reason::Overloaded)?;
        Arc::clone(&self.budget).try_acquire_many_owned(kib).map_err(|_| Reason::Overloaded)
    }

    /// Hands a message to whoever stores it. What was handed over stays so when the request is given up.
    pub(super) fn post(&self, body: Vec<u8>, origin: String, mut room: Room) -> Result<Posted, Reason> {
        self.resize(&mut room, body.len())?;
        let (stored, answer) = oneshot::channel();
        let receipt = HookReceipt { stored, _room: room };
        let message = Received { body, origin, overlong_bytes: None, receipt };
        match self.waiting.try_send(message) {
            Ok(()) => Ok(Posted(answer)),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Reason::Overloaded),
            // Nobody stores any more: the program ends.
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Reason::NotStored),
        }
    }
}

#[cfg(test)]
impl SnsFeed {
    /// Messages that wait to be received.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

impl Feed for SnsFeed {
    type Receipt = HookReceipt;

    const NAME: &'static str = "sns";

    const ASKS: bool = false;

    /// Cancel-safe: messages that were not returned are still there.
    async fn receive(
        &mut self,
        messages_max: usize,
    ) -> Result<Option<Vec<Received<HookReceipt>>>, FeedError> {
        let mut messages = Vec::new();
        let count = self.waiting.recv_many(&mut messages, messages_max).await;
        Ok((count > 0).then_some(messages))
    }

    async fn acknowledge(&mut self, receipts: Vec<HookReceipt>) -> Result<usize, FeedError> {
        for receipt in receipts {
            // Whoever posted it may have gone; then it comes again, and is a repeat.
            let _ = receipt.stored.send(());
        }
        Ok(0)
    }
}
