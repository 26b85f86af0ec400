//! Batches sized by time.

use std::time::Duration;

/// How long a batch may hold its row locks. A writer that needs one of the rows waits no longer than this.
pub(in crate::schema) const LOCKED_MAX: Duration = Duration::from_millis(40);

/// What batches are sized for: half of what they may take, since the next one may meet slower rows.
const LOCKED_TARGET: Duration = Duration::from_millis(20);

/// Rows of the first batch: few, because nothing is known yet.
const ROWS_FIRST: usize = 50;

/// Rows of a batch at most: what a statement's parameters carry without effort.
pub(super) const ROWS_MAX: usize = 5_000;

/// How much a batch may grow over the one before.
const GROWTH_MAX: f64 = 2.0;

/// How many rows the next batch takes.
#[derive(Debug)]
pub(super) struct Pace {
    rows: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { rows: ROWS_FIRST }
    }
}

impl Pace {
    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// Learns from a batch that was done.
    pub(super) fn took(&mut self, rows: usize, elapsed: Duration) {
        let fitting = LOCKED_TARGET.as_secs_f64() / elapsed.as_secs_f64().max(1e-6);
        // A last batch of few rows says little about many: what it costs to begin with weighs more in it.
        if rows < self.rows && fitting > 1.0 {
            return;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "at most twice ROWS_MAX, and not negative"
        )]
        let next = (rows as f64 * fitting.min(GROWTH_MAX)) as usize;
        self.rows = next.clamp(1, ROWS_MAX);
    }

    /// Learns from a batch that was broken off, for time or for a lock.
    pub(super) fn broke_off(&mut self) {
        self.rows = (self.rows / 4).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_find_the_size_that_fits_the_time() {
        for row_us in [1, 30, 100, 2_000, 100_000] {
            let row = Duration::from_micros(row_us);
            let mut pace = Pace::default();
            for _ in 0..50 {
                let rows = pace.rows();
                pace.took(rows, row * u32::try_from(rows).unwrap());
            }
            let rows = u32::try_from(pace.rows()).unwrap();
            assert!(row * rows <= LOCKED_TARGET || rows == 1, "{rows} rows of {row:?}");
            let room = row * rows * 2 > LOCKED_TARGET;
            assert!(room || pace.rows() == ROWS_MAX, "{rows} rows of {row:?}");
        }
    }

    #[test]
    fn a_batch_that_was_broken_off_is_followed_by_a_smaller_one_and_never_by_none() {
        let mut pace = Pace::default();
        for _ in 0..10 {
            let before = pace.rows();
            pace.broke_off();
            assert!(pace.rows() < before || pace.rows() == 1);
        }
        assert_eq!(pace.rows(), 1);
    }

    #[test]
    fn a_short_last_batch_does_not_make_the_next_one_small() {
        let mut pace = Pace::default();
        pace.took(50, Duration::from_millis(10));
        assert_eq!(pace.rows(), 100);
        pace.took(3, Duration::from_millis(2));
        assert_eq!(pace.rows(), 100);
    }
}
