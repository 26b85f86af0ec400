//! Pull, store, acknowledge.
//!
//! A message is acknowledged only after the transaction that stored it, or its quarantine, has committed.

mod gate;
mod health;
mod poller;
mod size;
mod storage;
mod storing;
mod tally;

use std::{sync::Arc, time::Duration};

use aftersend_store::{IngestError, Store};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{Condition, Feed, FeedError, Observer, Shutdown};
use gate::Gate;
use health::Health;
use poller::Poller;
use size::BatchSize;
use storing::Storing;

pub use gate::Intake;
pub use storage::Storage;
pub use tally::Tally;

/// How long each of these may still take once a shutdown is requested: a batch that is being stored,
/// acknowledgements, messages that are handed back. A database or a queue that does not answer would hold up the end
/// for as long as a connection may take, or a statement.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// Why pumping stopped.
#[derive(Debug, thiserror::Error)]
pub enum PumpError {
    /// The feed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The store. What was not stored was not acknowledged.
    #[error(transparent)]
    Store(#[from] IngestError),
}

/// How long a batch is tried again while the database is busy or away, and a feed that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// So long, then the run ends with the error; at once with one that somebody must do something about. For files
    /// and drains, which can be run again.
    Limited(Duration),
    /// For as long as it takes, also when somebody must do something about it. For a poller that a supervisor would
    /// only start again, burning a receive of each message.
    Endless,
}

/// Moves messages from feeds into the store: what all pollers of a program share. Cheap to clone.
pub struct Pump<S = Store> {
    storage: Arc<S>,
    slots: Option<Arc<Semaphore>>,
    gate: Arc<Gate>,
    shutdown: Shutdown,
    observer: Arc<dyn Observer>,
}

impl<S> Clone for Pump<S> {
    fn clone(&self) -> Self {
        Self {
            storage: self.storage.clone(),
            slots: self.slots.clone(),
            gate: self.gate.clone(),
            shutdown: self.shutdown.clone(),
            observer: self.observer.clone(),
        }
    }
}

impl<S: Storage> Pump<S> {
    /// A pump that tells an observer what it does. Feeds that share a database are to share a pump: while the
    /// database takes nothing, none of them is asked for more.
    pub fn new(storage: S, shutdown: Shutdown, observer: Arc<dyn Observer>) -> Self {
        let (storage, gate) = (Arc::new(storage), Arc::new(Gate::new(observer.clone())));
        Self { storage, slots: None, gate, shutdown, observer }
    }

    /// The same pump, storing one batch at a time whatever the number of its pollers: with two of them, one receives
    /// and reads a batch while the other's is stored.
    #[must_use]
    pub fn one_at_a_time(self) -> Self {
        Self { slots: Some(Arc::new(Semaphore::new(1))), ..self }
    }

    /// Whether the database takes events, for feeds whose senders wait for an answer.
    pub fn intake(&self) -> Intake {
        Intake::of(&self.gate)
    }

    /// Pumps until the feed ends or a shutdown is requested; a batch that is being committed is finished and
    /// acknowledged first, and what is in flight is handed back, if that does not take longer than some seconds.
    ///
    /// `name` is the feed's for people: it stands in logs and is told to the observer.
    ///
    /// Returns what became of the messages that are done with, also when it ends with an error: one of the feed, or
    /// of the store, that trying again does not mend or has not mended in time.
    pub async fn run<F: Feed>(
        &self,
        name: &str,
        feed: &mut F,
        patience: Patience,
    ) -> (Tally, Result<(), PumpError>) {
        let health = Arc::new(Health::new(name, F::ASKS, self.observer.clone()));
        let poller = Poller { feed, storing: self.storing::<F>(&health, self.shutdown.clone(), patience) };
        let (tally, result) = poller.run().await;
        self.tell_end(name, result.as_ref().err());
        (tally, result)
    }

    /// The same with several pollers of one feed at once, each with its own way to it: while one stores, another
    /// receives.
    ///
    /// All of them are joined. The first error ends the others in order, as a shutdown would: what one of them was
    /// refused, a queue refuses all. It is returned, others are logged. A panic of one is passed on after that.
    ///
    /// Dropping the future ends the pollers where they are: what they held comes again.
    pub async fn run_pollers<F: Feed + 'static>(
        &self,
        name: &str,
        feeds: Vec<F>,
        patience: Patience,
    ) -> (Tally, Result<(), PumpError>) {
        let health = Arc::new(Health::new(name, F::ASKS, self.observer.clone()));
        let (stop, wish) = Shutdown::channel();
        let mut pollers = JoinSet::new();
        for mut feed in feeds {
            let storing = self.storing::<F>(&health, self.shutdown.or(&wish), patience);
            pollers.spawn(async move { Poller { feed: &mut feed, storing }.run().await });
        }
        let mut tally = Tally::default();
        let mut first_error = None;
        let mut panic = None;
        while let Some(ended) = pollers.join_next().await {
            match ended {
                Ok((part, Ok(()))) => tally += part,
                Ok((part, Err(error))) => {
                    tally += part;
                    stop.send_replace(true);
                    match &first_error {
                        None => first_error = Some(error),
                        // What a queue refuses one poller it refuses all.
                        Some(first) if first.to_string() == error.to_string() => {}
                        Some(_) => tracing::error!(feed = name, %error, "a poller ended, too"),
                    }
                }
                Err(ended) => {
                    tracing::error!(feed = name, "a poller has panicked; the others are ended");
                    stop.send_replace(true);
                    panic = ended.try_into_panic().ok();
                }
            }
        }
        self.tell_end(name, first_error.as_ref());
        if let Some(panic) = panic {
            std::panic::resume_unwind(panic);
        }
        (tally, first_error.map_or(Ok(()), Err))
    }

    /// Tells the observer of a feed that can't even be opened, so that it is missed where feeds are looked at.
    pub fn tell_unopened(&self, name: &str, reason: &str) {
        self.observer.feed(name, Condition::Failed(reason));
    }

    fn storing<F: Feed>(&self, health: &Arc<Health>, shutdown: Shutdown, patience: Patience) -> Storing<S> {
        Storing {
            storage: self.storage.clone(),
            slots: self.slots.clone(),
            gate: self.gate.clone(),
            health: health.clone(),
            shutdown,
            patience,
            size: BatchSize::new(),
            kind: F::NAME,
            turn: None,
            tally: Tally::default(),
        }
    }

    fn tell_end(&self, name: &str, error: Option<&PumpError>) {
        match error {
            Some(error) => self.observer.feed(name, Condition::Failed(&error.to_string())),
            None => self.observer.feed(name, Condition::Ended),
        }
    }
}

#[cfg(test)]
mod poisons;
#[cfg(test)]
mod tests;
