//! How many messages a poller takes at once.
//!
//! A batch pays for its plans and its commit once, and a mail of which it holds several events is written once. So it
//! grows while there is a backlog and the database is quick. All that time it locks its mails: so it shrinks when a
//! transaction takes long.

use std::time::Duration;

/// Messages of a batch unless a backlog is worked off. A slow database is given no smaller ones: it would have to
/// commit the more often.
pub(super) const BATCH_MESSAGES_MIN: usize = 500;

/// Messages that are stored together at most. Beyond that the server takes no less time for an event.
pub(super) const BATCH_MESSAGES_MAX: usize = 1_000;
const _: () = assert!(BATCH_MESSAGES_MAX <= aftersend_store::BATCH_MESSAGES_MAX);

/// How long a transaction may take before the next batch is smaller. Another poller waits for its locks as long, and tries
/// again then (`lock_timeout`). A batch grows where twice as much would take less.
const TRANSACTION_AIM: Duration = Duration::from_millis(500);

/// How many messages the next batch may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchSize(usize);

impl BatchSize {
    pub(super) const fn new() -> Self {
        Self(BATCH_MESSAGES_MIN)
    }

    pub(super) const fn messages_max(self) -> usize {
        self.0
    }

    /// A batch has to be stored again, since others stand in the way: the fewer mails it locks, the fewer it meets.
    pub(super) fn stood_aside(&mut self) {
        self.shrink();
    }

    /// So many messages were stored together, in so long.
    pub(super) fn stored(&mut self, messages: usize, took: Duration) {
        if took > TRANSACTION_AIM {
            self.shrink();
        } else if messages >= self.0 && took * 2 <= TRANSACTION_AIM {
            self.0 = (self.0 * 2).min(BATCH_MESSAGES_MAX);
        }
    }

    fn shrink(&mut self) {
        self.0 = (self.0 / 2).max(BATCH_MESSAGES_MIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(100);
    const SO_SO: Duration = Duration::from_millis(400);
    const SLOW: Duration = Duration::from_millis(600);

    #[test]
    fn a_backlog_and_a_quick_database_make_batches_grow() {
        let mut size = BatchSize::new();
        let mut sizes = Vec::new();
        for (full, took) in [(false, QUICK), (true, SO_SO), (true, QUICK), (true, QUICK)] {
            size.stored(size.messages_max() - usize::from(!full), took);
            sizes.push(size.messages_max());
        }
        assert_eq!(sizes, [BATCH_MESSAGES_MIN, BATCH_MESSAGES_MIN, 1_000, BATCH_MESSAGES_MAX]);
    }

    #[test]
    fn a_slow_database_makes_them_shrink() {
        let mut size = BatchSize(BATCH_MESSAGES_MAX);
        let mut sizes = Vec::new();
        // A part of a batch that was halved counts, too.
        for messages in [1_000, 1, 500] {
            size.stored(messages, SLOW);
            sizes.push(size.messages_max());
        }
        assert_eq!(sizes, [BATCH_MESSAGES_MIN; 3]);
        let mut size = BatchSize(BATCH_MESSAGES_MAX);
        size.stood_aside();
        assert_eq!(size.messages_max(), BATCH_MESSAGES_MAX / 2);
    }
}
