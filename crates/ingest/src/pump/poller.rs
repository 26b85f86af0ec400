//! One poller: its own receive, store and acknowledge, one after the other.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

use super::{
    Patience, PumpError, SHUTDOWN_GRACE, Storage, Tally,
    health::Backoff,
    storing::{Load, Storing, Unstored},
};
use crate::{Feed, FeedError, Received};

/// How long a receive that is under way may still take once a shutdown is requested: an answer on its way is
/// waited for, so that its messages can be handed back, a long poll is not.
const RECEIVE_GRACE: Duration = Duration::from_millis(300);

/// The first pause before a feed that is away is asked again, and the longest.
const FEED_PAUSE_MIN: Duration = Duration::from_millis(500);
const FEED_PAUSE_MAX: Duration = Duration::from_secs(10);

/// An endless poller gives up a feed that has never answered after this time: its address is wrong, as a rule. One
/// whose end somebody waits for says so at once.
const UNANSWERED_MAX: Duration = Duration::from_secs(10);

/// Messages are kept when so much of their lease is over: a third, so that there are two tries before it runs out.
const KEEP_AT: u32 = 3;

/// A poller of a feed.
pub(super) struct Poller<'f, S, F: Feed> {
    pub(super) feed: &'f mut F,
    pub(super) storing: Storing<S>,
}

/// Why a poller goes on no more.
enum End {
    /// The feed has ended, or a shutdown was requested.
    Ordinary,
    Error(PumpError),
}

impl<E: Into<PumpError>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl<S: Storage, F: Feed> Poller<'_, S, F> {
    /// Polls until the feed ends or fails, or a shutdown is requested. What was received and not stored by then has
    /// been handed back.
    pub(super) async fn run(mut self) -> (Tally, Result<(), PumpError>) {
        let end = loop {
            let messages = match self.receive().await {
                Ok(messages) => messages,
                Err(end) => break end,
            };
            if let Err(end) = self.settle(messages).await {
                break end;
            }
        };
        let result = match end {
            End::Ordinary => Ok(()),
            End::Error(error) => Err(error),
        };
        (self.storing.tally, result)
    }

    /// The next messages, as soon as the database takes some.
    async fn receive(&mut self) -> Result<Vec<Received<F::Receipt>>, End> {
        let mut backoff = Backoff::new(FEED_PAUSE_MIN, FEED_PAUSE_MAX);
        let began = Instant::now();
        let mut away_since = None;
        loop {
            tokio::select! {
                biased;
                () = self.storing.shutdown.requested() => return Err(End::Ordinary),
                () = self.storing.gate.passed() => {}
            }
            let asked_at = Instant::now();
            let Storing { shutdown, health, patience, size, .. } = &mut self.storing;
            let received = tokio::select! {
                biased;
                received = self.feed.receive(size.messages_max()) => Some(received),
                () = shutdown.overdue(RECEIVE_GRACE) => None,
            };
            let error = match received {
                Some(Ok(Some(messages))) => {
                    health.answered(asked_at);
                    if messages.is_empty() {
                        (backoff, away_since) = (Backoff::new(FEED_PAUSE_MIN, FEED_PAUSE_MAX), None);
                        continue;
                    }
                    health.observer.received(&health.feed, messages.len());
                    return Ok(messages);
                }
                Some(Ok(None)) => return Err(End::Ordinary),
                Some(Err(error)) => error,
                None => {
                    self.release(Vec::new()).await;
                    return Err(End::Ordinary);
                }
            };
            let FeedError::Away(reason) = &error else { return Err(error.into()) };
            let heard = health.failed(reason);
            let away_for = away_since.get_or_insert_with(Instant::now).elapsed();
            let given_up = match patience {
                Patience::Limited(patience) => !heard || away_for >= *patience,
                Patience::Endless => !heard && began.elapsed() >= UNANSWERED_MAX,
            };
            if given_up {
                return Err(error.into());
            }
            tokio::select! {
                biased;
                () = shutdown.requested() => return Err(End::Ordinary),
                () = tokio::time::sleep(backoff.pause()) => {}
            }
        }
    }

    /// Stores messages and acknowledges those that are safe; hands back the others.
    async fn settle(&mut self, messages: Vec<Received<F::Receipt>>) -> Result<(), End> {
        let mut load = Load::new(messages);
        let mut is_probe = false;
        loop {
            let Load { messages, done } = &mut load;
            let outcome = holding(self.feed, messages, self.storing.store(messages, done, is_probe)).await;
            let (safe, mut rest) = load.part();
            self.acknowledge(safe).await?;
            match outcome {
                Ok(()) => return Ok(()),
                // It falls to this poller to find out when the database is back, with one message that it holds
                // for as long as the feed lets it: receiving one for each try would burn receives.
                Err(Unstored::Held) if self.storing.turn.is_some() && !is_probe => {
                    let handed_back = rest.split_off(1.min(rest.len()));
                    self.release(handed_back).await;
                    load = Load::new(rest);
                    is_probe = true;
                }
                Err(Unstored::Held) => {
                    self.storing.turn = None;
                    self.release(rest).await;
                    return Ok(());
                }
                Err(Unstored::Shutdown) => {
                    self.release(rest).await;
                    return Err(End::Ordinary);
                }
                Err(Unstored::Store(error)) => {
                    self.release(rest).await;
                    return Err(error.into());
                }
            }
        }
    }

    async fn acknowledge(&mut self, receipts: Vec<F::Receipt>) -> Result<(), End> {
        if receipts.is_empty() {
            return Ok(());
        }
        let count = receipts.len();
        let Storing { shutdown, health, .. } = &mut self.storing;
        let left = tokio::select! {
            biased;
            left = self.feed.acknowledge(receipts) => left?,
            () = shutdown.overdue(SHUTDOWN_GRACE) => {
                tracing::warn!(
                    feed = health.feed,
                    "stored messages could not be acknowledged in time; they come again, and are repeats then"
                );
                count
            }
        };
        if left > 0 {
            health.observer.unacknowledged(&health.feed, left);
        }
        Ok(())
    }

    /// Hands messages back, in so far as that can be done within a time.
    async fn release(&mut self, messages: Vec<Received<F::Receipt>>) {
        let count = messages.len();
        let receipts = messages.into_iter().map(|message| message.receipt).collect();
        if tokio::time::timeout(SHUTDOWN_GRACE, self.feed.release(receipts)).await.is_err() {
            tracing::warn!(
                feed = self.storing.health.feed,
                "messages could not be handed back in time; they come again when their lease runs out"
            );
        }
        if count > 0 {
            self.storing.health.observer.released(&self.storing.health.feed, count);
        }
    }
}

/// Does some work while the feed is asked, again and again, to keep the messages that it is about.
async fn holding<F: Feed, T>(
    feed: &mut F,
    messages: &[Received<F::Receipt>],
    work: impl Future<Output = T>,
) -> T {
    let keeping = async {
        loop {
            match feed.lease() {
                Some(lease) => {
                    tokio::time::sleep(lease / KEEP_AT).await;
                    feed.keep(messages).await;
                }
                None => std::future::pending().await,
            }
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        never = keeping => never,
    }
}
