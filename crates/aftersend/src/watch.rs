//! What this program's feeds do, noted for the site and for Prometheus.

mod metrics;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use aftersend_ingest::{Commit, Condition, Observer, QueueDepth, Refused};
use aftersend_store::JobState;
use aftersend_web::{FeedCondition, FeedCounts, FeedDepth, FeedStatus, Operation, Readings};
use jiff::Timestamp;

use metrics::{Event, Metrics};

/// Notes what pollers tell, and passes on what people are to read at once.
///
/// Holds as many feeds as the configuration has, and of each the last error.
pub(crate) struct Watch {
    board: Mutex<Board>,
    metrics: Metrics,
    told: Box<dyn Observer>,
}

#[derive(Default)]
struct Board {
    feeds: BTreeMap<String, FeedStatus>,
    database_trouble: Option<String>,
}

impl Board {
    fn feed(&mut self, name: &str, now: Timestamp) -> &mut FeedStatus {
        if !self.feeds.contains_key(name) {
            let feed = FeedStatus {
                name: name.to_owned(),
                condition: FeedCondition::Starting,
                since: now,
                last_message_at: None,
                counts: FeedCounts::default(),
                depth: None,
                last_error: None,
            };
            self.feeds.insert(name.to_owned(), feed);
        }
        self.feeds.get_mut(name).expect("it was there, or was put there")
    }
}

impl Watch {
    /// Passes what went into the quarantine on to `told`.
    pub(crate) fn new(told: impl Observer + 'static) -> Self {
        Self { board: Mutex::default(), metrics: Metrics::new(), told: Box::new(told) }
    }

    /// A queue has told what it holds, or does not tell any more.
    pub(crate) fn depth(&self, feed: &str, depth: Option<QueueDepth>) {
        let depth =
            depth.map(|QueueDepth { waiting, in_flight, delayed }| FeedDepth { waiting, in_flight, delayed });
        let mut board = self.board();
        let before = std::mem::replace(&mut board.feed(feed, Timestamp::now()).depth, depth);
        drop(board);
        // What was never told needs no metric that says so.
        if before.is_some() || depth.is_some() {
            self.metrics.depth(feed, depth);
        }
    }

    /// How jobs stand, as the database has it; nothing where it does not answer.
    pub(crate) fn jobs(&self, jobs: Option<&[JobState]>) {
        self.metrics.jobs(jobs);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // Counts and sentences: nothing is left half done by somebody who panicked.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, feed: &str, add: impl FnOnce(&mut FeedCounts)) {
        add(&mut self.board().feed(feed, Timestamp::now()).counts);
    }
}

impl Observer for Watch {
    fn received(&self, feed: &str, messages: usize) {
        let now = Timestamp::now();
        let mut board = self.board();
        let status = board.feed(feed, now);
        status.counts.received += wide(messages);
        if messages > 0 {
            status.last_message_at = Some(now);
        }
        drop(board);
        self.metrics.received(feed, wide(messages), now);
    }

    fn committed(&self, feed: &str, commit: &Commit<'_>) {
        self.count(feed, |counts| {
            counts.stored += wide(commit.report.stored);
            counts.repeated += wide(commit.report.repeated);
            counts.folded += wide(commit.report.folded);
            counts.parked += wide(commit.report.parked);
            counts.late += wide(commit.report.late);
            counts.quarantined += wide(commit.report.quarantined);
        });
        self.metrics.committed(feed, commit);
    }

    fn controls(&self, feed: &str, messages: usize) {
        self.count(feed, |counts| counts.control += wide(messages));
        self.metrics.messages(Event::Control, feed, wide(messages));
    }

    fn refused(&self, feed: &str, message: &Refused) {
        // It was counted with its commit.
        self.told.refused(feed, message);
    }

    fn unacknowledged(&self, feed: &str, messages: usize) {
        self.count(feed, |counts| counts.unacknowledged += wide(messages));
        self.metrics.messages(Event::Unacknowledged, feed, wide(messages));
    }

    fn released(&self, feed: &str, messages: usize) {
        self.count(feed, |counts| counts.released += wide(messages));
        self.metrics.messages(Event::Released, feed, wide(messages));
    }

    fn feed(&self, feed: &str, condition: Condition<'_>) {
        let now = Timestamp::now();
        let (condition, error) = match condition {
            Condition::Starting => (FeedCondition::Starting, None),
            Condition::Running => (FeedCondition::Running, None),
            Condition::Paused(reason) => (FeedCondition::Paused, Some(reason)),
            Condition::Failed(reason) => (FeedCondition::Failed, Some(reason)),
            Condition::Ended => (FeedCondition::Ended, None),
        };
        let mut board = self.board();
        let status = board.feed(feed, now);
        // That it is tried again says nothing: it has failed until it answers, or whoever asks would hear of a feed that
        // is well for as long as each try takes.
        if condition == FeedCondition::Starting && status.condition == FeedCondition::Failed {
            return;
        }
        if status.condition != condition {
            (status.condition, status.since) = (condition, now);
        }
        if let Some(error) = error {
            status.last_error = Some((error.to_owned(), now));
        }
        drop(board);
        self.metrics.feed(feed, condition);
    }

    fn database(&self, condition: Condition<'_>) {
        let trouble = match condition {
            Condition::Starting | Condition::Running | Condition::Ended => None,
            Condition::Paused(reason) | Condition::Failed(reason) => Some(reason.to_owned()),
        };
        self.metrics.database(trouble.is_some());
        self.board().database_trouble = trouble;
    }
}

impl Operation for Watch {
    fn feeds(&self) -> Vec<FeedStatus> {
        self.board().feeds.values().cloned().collect()
    }

    fn database_trouble(&self) -> Option<String> {
        self.board().database_trouble.clone()
    }

    fn metrics(&self, readings: &Readings) -> String {
        self.metrics.render(readings)
    }
}

fn wide(messages: usize) -> u64 {
    u64::try_from(messages).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
