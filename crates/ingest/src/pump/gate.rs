//! The gate between a program's pollers and their feeds: closed while the database takes nothing.
//!
//! A receive that can't be stored is burned: a queue counts it, and after a few hands the message to its dead-letter
//! queue. So one poller at a time finds out whether the database is back, with a batch that it holds, and all others
//! wait. Whoever stores something opens the gate.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aftersend_store::IngestError;
use tokio::{sync::watch, time::Instant};

use crate::{Condition, Observer};

/// Why the database takes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody answers, or the server starts or goes down. What exactly is said changes from try to try.
    Away(String),
    /// Somebody has to do something.
    Stuck(String),
}

impl Trouble {
    /// What stands in the way of any batch; nothing if it is about this batch.
    pub(super) fn of(error: &IngestError) -> Option<Self> {
        match error {
            IngestError::Away(_) => Some(Self::Away(error.to_string())),
            IngestError::Blocked(_) | IngestError::Schema(_) => Some(Self::Stuck(error.to_string())),
            _ => None,
        }
    }

    /// Whether a person needs to hear of the one after the other.
    fn is_news_after(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Away(_), Self::Away(_)) => false,
            _ => self != earlier,
        }
    }

    fn sentence(&self) -> &str {
        match self {
            Self::Away(sentence) | Self::Stuck(sentence) => sentence,
        }
    }
}

enum State {
    Open,
    /// Closed, and one poller is finding out.
    Closed {
        turn: u64,
        trouble: Trouble,
        since: Instant,
    },
    /// It was closed, and the one that was finding out has ended: whoever comes next tries.
    Unwatched {
        trouble: Trouble,
        since: Instant,
    },
}

/// The gate of all pollers that share a database.
pub(super) struct Gate {
    state: watch::Sender<State>,
    turns: AtomicU64,
    observer: Arc<dyn Observer>,
}

impl Gate {
    pub(super) fn new(observer: Arc<dyn Observer>) -> Self {
        Self { state: watch::Sender::new(State::Open), turns: AtomicU64::new(0), observer }
    }

    /// Waits until it is open, or nobody else is finding out. Cancel-safe.
    pub(super) async fn passed(&self) {
        let mut state = self.state.subscribe();
        // The sender is part of this gate.
        let _ = state.wait_for(|state| !matches!(state, State::Closed { .. })).await;
    }

    /// What keeps it closed.
    pub(super) fn trouble(&self) -> Option<String> {
        match &*self.state.borrow() {
            State::Open => None,
            State::Closed { trouble, .. } | State::Unwatched { trouble, .. } => {
                Some(trouble.sentence().to_owned())
            }
        }
    }

    /// The database answers: it is open from now on.
    pub(super) fn open(&self) {
        let mut closed_since = None;
        self.state.send_if_modified(|state| match state {
            State::Open => false,
            State::Closed { since, .. } | State::Unwatched { since, .. } => {
                closed_since = Some(*since);
                *state = State::Open;
                true
            }
        });
        if let Some(since) = closed_since {
            tracing::warn!(paused_s = since.elapsed().as_secs(), "the database takes events again");
            self.observer.database(Condition::Running);
        }
    }

    /// Closes it, unless it is closed. Returns the turn to find out when it may be opened, if nobody else has it.
    pub(super) fn close(self: &Arc<Self>, trouble: Trouble) -> Option<Turn> {
        let number = self.turns.fetch_add(1, Ordering::Relaxed);
        self.close_as(number, trouble).then(|| Turn { gate: self.clone(), number })
    }

    /// Whether it is now closed by the turn of that number.
    fn close_as(&self, number: u64, trouble: Trouble) -> bool {
        let sentence = trouble.sentence().to_owned();
        let mut is_news = false;
        let mut is_own = true;
        self.state.send_if_modified(|state| {
            let (earlier, since) = match state {
                State::Open => (None, Instant::now()),
                State::Closed { turn, .. } if *turn != number => {
                    is_own = false;
                    return false;
                }
                State::Closed { trouble, since, .. } | State::Unwatched { trouble, since } => {
                    (Some(trouble), *since)
                }
            };
            is_news = earlier.is_none_or(|earlier| trouble.is_news_after(earlier));
            *state = State::Closed { turn: number, trouble, since };
            true
        });
        if is_news {
            tracing::warn!(
                reason = sentence,
                "the database takes no events; polling pauses and goes on by itself when it does"
            );
            self.observer.database(Condition::Paused(&sentence));
        }
        is_own
    }
}

/// Whether the database takes events, as the pollers of a pump have found. Cheap to clone.
#[derive(Clone)]
pub struct Intake(Arc<Gate>);

impl Intake {
    pub(super) fn of(gate: &Arc<Gate>) -> Self {
        Self(gate.clone())
    }

    /// Whether what comes now would only wait: the database takes nothing, and a poller that holds a message is
    /// finding out when it does again. Where nobody is finding out, whatever comes next does, and so must come.
    pub fn is_closed(&self) -> bool {
        self.closed_for().is_some()
    }

    /// For how long it has been closed by now, if it is.
    pub fn closed_for(&self) -> Option<Duration> {
        match &*self.0.state.borrow() {
            State::Closed { since, .. } => Some(since.elapsed()),
            State::Open | State::Unwatched { .. } => None,
        }
    }
}

#[cfg(test)]
impl Intake {
    /// Of a database that takes everything.
    pub(crate) fn open() -> Self {
        Self(Arc::new(Gate::new(Arc::new(()))))
    }
}

/// One poller's turn to find out whether the gate can be opened. It passes on when this is dropped.
pub(super) struct Turn {
    gate: Arc<Gate>,
    number: u64,
}

impl Turn {
    /// One more try has failed. Returns whether it is still this poller's turn: if the gate was opened meanwhile
    /// and closed by another, it is not.
    pub(super) fn failed(&self, trouble: Trouble) -> bool {
        self.gate.close_as(self.number, trouble)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.gate.state.send_if_modified(|state| match state {
            State::Closed { turn, trouble, since } if *turn == self.number => {
                *state = State::Unwatched { trouble: trouble.clone(), since: *since };
                true
            }
            _ => false,
        });
    }
}

#[cfg(test)]
mod tests;
