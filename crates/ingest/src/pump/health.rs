//! Whether a feed answers, as all its pollers together know it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{Condition, Observer};

enum State {
    /// Nobody has had an answer yet: how it is, nobody knows.
    Unheard,
    Running,
    Paused {
        since: Instant,
    },
}

/// A feed's name and condition, shared by its pollers.
pub(super) struct Health {
    pub(super) feed: String,
    pub(super) observer: Arc<dyn Observer>,
    state: Mutex<State>,
}

impl Health {
    /// Of a feed that asks somebody, who has yet to answer; or of one that only listens, and so runs from the beginning.
    pub(super) fn new(feed: &str, asks: bool, observer: Arc<dyn Observer>) -> Self {
        let (state, condition) =
            if asks { (State::Unheard, Condition::Starting) } else { (State::Running, Condition::Running) };
        observer.feed(feed, condition);
        Self { feed: feed.to_owned(), observer, state: Mutex::new(state) }
    }

    /// It has answered a poller, to what was asked at a time. The end of a long poll that began before the trouble says
    /// nothing about it.
    pub(super) fn answered(&self, asked_at: Instant) {
        let mut state = self.lock();
        let since = match *state {
            State::Paused { since } if since <= asked_at => since,
            State::Paused { .. } | State::Running => return,
            State::Unheard => {
                *state = State::Running;
                // Under the lock here and below, so that what is told last is what holds.
                self.observer.feed(&self.feed, Condition::Running);
                return;
            }
        };
        *state = State::Running;
        tracing::warn!(feed = self.feed, paused_s = since.elapsed().as_secs(), "the feed answers again");
        self.observer.feed(&self.feed, Condition::Running);
    }

    /// It has failed a poller, in a way that may pass. Returns whether it ever answered one.
    pub(super) fn failed(&self, reason: &str) -> bool {
        let mut state = self.lock();
        match *state {
            State::Unheard => return false,
            State::Paused { .. } => return true,
            State::Running => *state = State::Paused { since: Instant::now() },
        }
        tracing::warn!(feed = self.feed, reason, "the feed does not answer; it is tried again");
        self.observer.feed(&self.feed, Condition::Paused(reason));
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing is left half done by somebody who panicked: it is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the pauses between tries grow.
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    pub(super) const fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    /// The next pause, twice the last one up to the longest, and jittered: pollers that were put off together must
    /// not come back together.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        jittered(pause)
    }

    /// Whether the pauses have grown to the longest.
    pub(super) fn is_longest(&self) -> bool {
        self.next == self.longest
    }
}

/// Between a half and the whole of a pause.
fn jittered(pause: Duration) -> Duration {
    // The low digits of the clock are random enough for this, and need no generator.
    let micros = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_micros() % 1_000);
    pause / 2 + pause / 2 * micros / 1_000
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Notes the conditions that it is told.
    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl Observer for Told {
        fn feed(&self, feed: &str, condition: Condition<'_>) {
            self.0.lock().unwrap().push(format!("{feed} {condition:?}"));
        }
    }

    #[test]
    fn a_feed_runs_only_once_it_has_answered() {
        let told = Arc::new(Told::default());
        let health = Health::new("orders", true, told.clone());
        assert!(!health.failed("refused"), "it never answered");
        assert_eq!(*told.0.lock().unwrap(), ["orders Starting"]);
        health.answered(Instant::now());
        health.answered(Instant::now());
        assert!(health.failed("refused"));
        assert_eq!(
            *told.0.lock().unwrap(),
            ["orders Starting", "orders Running", "orders Paused(\"refused\")"]
        );
        health.answered(Instant::now());
        assert_eq!(told.0.lock().unwrap()[3..], ["orders Running"]);
    }

    #[test]
    fn a_feed_that_asks_nobody_runs_at_once() {
        let told = Arc::new(Told::default());
        let _health = Health::new("webhook", false, told.clone());
        assert_eq!(*told.0.lock().unwrap(), ["webhook Running"]);
    }

    #[test]
    fn pauses_grow_and_differ_and_keep_within_bounds() {
        let longest = Duration::from_secs(5);
        let mut backoff = Backoff::new(Duration::from_millis(20), longest);
        let mut expected = Duration::from_millis(20);
        for _ in 0..20 {
            let pause = backoff.pause();
            assert!((expected / 2..=expected).contains(&pause), "{pause:?} instead of {expected:?}");
            expected = (expected * 2).min(longest);
        }
        assert!(backoff.is_longest());
        let pauses: BTreeSet<Duration> = (0..2_000).map(|_| jittered(longest)).collect();
        assert!(pauses.len() > 1);
        assert!(pauses.iter().all(|pause| (longest / 2..=longest).contains(pause)), "{pauses:?}");
    }
}
