//! What a feed is.

use std::{future::Future, io, time::Duration};

/// A message as a feed delivers it.
#[derive(Clone, Debug)]
pub struct Received<R> {
    /// The message.
    pub body: Vec<u8>,
    /// Where in the feed it stood, for people: `line 12`, a message id.
    pub origin: String,
    /// Its length in bytes, where the feed kept only the beginning of it.
    pub overlong_bytes: Option<u64>,
    /// What acknowledges it.
    pub receipt: R,
}

/// Where messages come from, as one poller sees it.
///
/// A message that was received is *held* until it is acknowledged or released. A feed that hands a held message to
/// somebody else after a while says so by [`lease`](Self::lease) and is asked to [`keep`](Self::keep) it.
pub trait Feed: Send {
    /// What acknowledges a message.
    type Receipt: Send + Sync;

    /// The kind of feed, as the quarantine records it.
    const NAME: &'static str;

    /// Whether it asks somebody for messages, who may not answer. One that only listens runs as soon as it is there.
    const ASKS: bool = true;

    /// The next messages, at most so many; nothing when the feed has ended. An empty list means that none came
    /// within the feed's patience.
    ///
    /// Cancel-safe in so far as what has arrived stays with the feed, for the next call or for
    /// [`release`](Self::release). What was on its way is held by nobody, and comes again when its lease runs out.
    ///
    /// # Errors
    ///
    /// [`FeedError::Away`] asks to be called again after a pause; the others are final.
    fn receive(
        &mut self,
        messages_max: usize,
    ) -> impl Future<Output = Result<Option<Vec<Received<Self::Receipt>>>, FeedError>> + Send;

    /// Tells the feed that messages are safe, and returns how many of them it did not take note of, after trying:
    /// those come again, and are repeats then.
    ///
    /// # Errors
    ///
    /// A final one, if none will ever be taken note of: going on would mean to receive the same messages for ever.
    fn acknowledge(
        &mut self,
        receipts: Vec<Self::Receipt>,
    ) -> impl Future<Output = Result<usize, FeedError>> + Send;

    /// How long a message is held after it was received or kept; nothing if for good.
    fn lease(&self) -> Option<Duration> {
        None
    }

    /// Holds messages for another lease from now on, where that is possible: what is not kept comes again, and is
    /// a repeat then. Cancel-safe: some may be kept and others not.
    fn keep(&mut self, _messages: &[Received<Self::Receipt>]) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Hands messages back, so that another poller may have them at once: those of the receipts, and what has
    /// arrived and was not handed over by [`receive`](Self::receive).
    fn release(&mut self, _receipts: Vec<Self::Receipt>) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Why a feed gives no messages.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// A file can't be read.
    #[error("the file can't be read further: {0}")]
    Read(io::Error),
    /// A queue refuses, and trying again is of no use until somebody does something about it.
    #[error("{0}")]
    Queue(String),
    /// A queue can't be reached or asks for patience: it may answer the next time.
    #[error("{0}")]
    Away(String),
}
