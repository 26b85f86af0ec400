//! What is stored where, and how much room it takes: told in a moment on tables of any size.
//!
//! Sizes are those of files. Rows of small tables are counted; of large ones the number is PostgreSQL's own estimate, and what
//! they hold is told by a sample of their pages, so that no question reads more than [`SAMPLE_PAGES`] of a table.

mod bodies;
mod gone;
mod tables;
#[cfg(test)]
mod tests;

use std::ops::Add;

pub use self::{
    bodies::BodyPlaces,
    gone::{ArchiveSums, GoneMails},
    tables::{TablePart, TableSize, TableSizes, Vacuum},
};

/// Pages of a table that are read at most, about. 8 MB, unless the server was built with larger pages.
const SAMPLE_PAGES: u64 = 1_000;

/// Bytes of a table that is counted row by row, at most: as many as a sample reads.
const COUNTED_BYTES_MAX: i64 = 8 * 1024 * 1024;

/// A number that is exact where that is cheap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// The number.
    pub count: u64,
    /// Whether it was estimated, and may be off by a few per cent.
    pub is_rough: bool,
}

impl Estimate {
    /// A number that was counted.
    pub const fn exact(count: u64) -> Self {
        Self { count, is_rough: false }
    }

    /// A number that was not.
    pub const fn rough(count: u64) -> Self {
        Self { count, is_rough: true }
    }
}

impl Add for Estimate {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { count: self.count + other.count, is_rough: self.is_rough || other.is_rough }
    }
}

/// How much of a table is looked at, and what is concluded from that about the whole.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Of its pages.
    percent: f32,
    /// Rows of the whole table, as PostgreSQL estimates them.
    rows: u64,
}

impl Sample {
    /// Of a table that has so many pages and, about, so many rows.
    fn of(pages: u64, rows: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
        let percent = if pages <= SAMPLE_PAGES { 100.0 } else { SAMPLE_PAGES as f32 * 100.0 / pages as f32 };
        Self { percent, rows }
    }

    fn is_whole(self) -> bool {
        self.percent >= 100.0
    }

    /// What the whole table has, where `found` was found among `looked_at` rows.
    fn whole(self, found: u64, looked_at: u64) -> Estimate {
        if self.is_whole() {
            return Estimate::exact(found);
        }
        // Only for as long as the table is: PostgreSQL may not know yet that it has grown.
        let rows = u128::from(self.rows.max(looked_at));
        let whole = u128::from(found) * rows / u128::from(looked_at.max(1));
        Estimate::rough(u64::try_from(whole).unwrap_or(u64::MAX))
    }
}

/// A column that counts something; nothing counts as 0.
fn count(row: &tokio_postgres::Row, name: &str) -> Result<u64, tokio_postgres::Error> {
    Ok(row.try_get::<_, Option<i64>>(name)?.unwrap_or(0).max(0).unsigned_abs())
}
