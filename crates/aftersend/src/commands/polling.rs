//! Queues that are polled at once, each by its own pollers, and what is done about one that can't be.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aftersend_ingest::{Observer, Patience, Pump, QueueOptions, Refused, Shutdown, SqsFeed, Tally};
use anyhow::Context;
use tokio::{sync::watch, task::JoinSet, time::Instant};

use crate::config::Queue;

/// The first pause before a queue that was given up is tried again, and the longest. Somebody has to grant a right or
/// to make the queue meanwhile.
const RETRY_PAUSE_MIN: Duration = Duration::from_secs(5);
const RETRY_PAUSE_MAX: Duration = Duration::from_mins(5);

/// What is done about a queue that can't be polled: that does not exist, that refuses, that never answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failing {
    /// It is left, and the others go on to their end.
    Leave,
    /// It is tried again while the others go on. When none of them can be polled, all end.
    Retry,
    /// It is tried again, for ever.
    RetryForEver,
}

/// What became of the queues.
#[derive(Debug, Default)]
pub(super) struct Polled {
    /// Of each queue by its name, as far as its messages are done with.
    pub(super) tallies: BTreeMap<String, Tally>,
    /// Those that could not be polled in the end, and why.
    pub(super) failures: BTreeMap<String, anyhow::Error>,
}

impl Polled {
    pub(super) fn total(&self) -> Tally {
        let mut total = Tally::default();
        for tally in self.tallies.values() {
            total += *tally;
        }
        total
    }
}

/// Polls queues until a shutdown is requested, or they are drained, or none can be polled: that is what `stop` is for.
///
/// The pump has to end with the same shutdown. Every task is joined.
///
/// # Errors
///
/// When a task has panicked. The others are ended where they are; what they held comes again.
pub(super) async fn poll(
    queues: &[Queue],
    drain: Option<Duration>,
    failing: Failing,
    pump: &Pump,
    stop: &watch::Sender<bool>,
    shutdown: &Shutdown,
) -> anyhow::Result<Polled> {
    let failures =
        Failures { failed: AtomicUsize::new(0), queues: queues.len(), failing, stop: stop.clone() };
    let failures = Arc::new(failures);
    let mut tasks = JoinSet::new();
    for queue in queues {
        let poller = QueuePoller {
            name: queue.name.clone(),
            options: QueueOptions { drain: drain.is_some(), ..queue.options.clone() },
            pollers: queue.pollers,
            patience: drain.map_or(Patience::Endless, Patience::Limited),
            pump: pump.clone(),
            shutdown: shutdown.clone(),
            failures: failures.clone(),
        };
        tasks.spawn(poller.run());
    }
    let mut polled = Polled::default();
    while let Some(ended) = tasks.join_next().await {
        let (name, tally, result) = ended.context("the poller of a queue")?;
        polled.tallies.insert(name.clone(), tally);
        if let Err(error) = result {
            polled.failures.insert(name, error);
        }
    }
    Ok(polled)
}

/// How many queues can't be polled at the moment.
struct Failures {
    failed: AtomicUsize,
    queues: usize,
    failing: Failing,
    stop: watch::Sender<bool>,
}

impl Failures {
    /// One more queue has failed. Returns whether it is to be tried again.
    fn add(&self) -> bool {
        let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
        match self.failing {
            Failing::Leave => false,
            Failing::RetryForEver => true,
            Failing::Retry => {
                let is_left = failed < self.queues;
                if !is_left {
                    self.stop.send_replace(true);
                }
                is_left
            }
        }
    }

    /// One of them is tried again.
    fn take_back(&self) {
        self.failed.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All pollers of a queue.
struct QueuePoller {
    name: String,
    options: QueueOptions,
    pollers: NonZeroUsize,
    patience: Patience,
    pump: Pump,
    shutdown: Shutdown,
    failures: Arc<Failures>,
}

impl QueuePoller {
    async fn run(mut self) -> (String, Tally, anyhow::Result<()>) {
        let mut tally = Tally::default();
        let mut pause = RETRY_PAUSE_MIN;
        loop {
            let began = Instant::now();
            let (part, result) = self.run_once().await;
            tally += part;
            let Err(error) = result else { return (self.name, tally, Ok(())) };
            if !self.failures.add() {
                return (self.name, tally, Err(error));
            }
            if began.elapsed() > RETRY_PAUSE_MAX {
                pause = RETRY_PAUSE_MIN;
            }
            // The error names the queue's URL and what to do.
            tracing::error!(
                queue = self.name,
                error = format!("{error:#}"),
                retry_after_s = pause.as_secs(),
                "no events come in from this queue; the others go on"
            );
            tokio::select! {
                biased;
                () = self.shutdown.requested() => return (self.name, tally, Err(error)),
                () = tokio::time::sleep(pause) => {}
            }
            self.failures.take_back();
            pause = (pause * 2).min(RETRY_PAUSE_MAX);
        }
    }

    /// Polls until it ends or fails.
    async fn run_once(&self) -> (Tally, anyhow::Result<()>) {
        let feeds = match SqsFeed::open_pollers(&self.options, self.pollers).await {
            Ok(feeds) => feeds,
            Err(error) => {
                self.pump.tell_unopened(&self.name, &error.to_string());
                return (Tally::default(), Err(error.into()));
            }
        };
        let (tally, result) = self.pump.run_pollers(&self.name, feeds, self.patience).await;
        (tally, result.map_err(Into::into))
    }
}

/// Tells people on standard error what went into the quarantine.
pub(super) struct Terminal;

impl Observer for Terminal {
    fn refused(&self, feed: &str, message: &Refused) {
        eprintln!("{feed}: {}: quarantined: {}", message.origin, message.reason);
    }
}
