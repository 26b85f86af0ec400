//! Sizes of indexes that are not there yet.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "estimates, of numbers that are positive"
)]

/// A B-tree's page without its header and special space, and how full a build leaves it.
/// <https://www.postgresql.org/docs/current/btree-implementation.html>
const PAGE_BYTES: u64 = 8_192;
const PAGE_USABLE_BYTES: f64 = 8_152.0;
const FILL: f64 = 0.9;
/// An index entry beside its values: its header, and the pointer to it.
const ENTRY_BYTES: u64 = 8 + 4;
/// Bytes that a row takes in a trigram index for each of its trigrams: measured 2.0 to 2.8 on subjects, addresses and
/// campaigns, where entries are lists of row positions, stored as differences.
/// <https://www.postgresql.org/docs/current/gin-implementation.html>
const TRIGRAM_BYTES: f64 = 2.2;

/// A value in an index entry.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    /// A `uuid`.
    Uuid,
    /// A `timestamptz`.
    Time,
    /// A short text of so many bytes.
    Text(f64),
}

/// The size of a B-tree of so many entries.
pub(super) fn btree_bytes(entries: u64, values: &[Value]) -> u64 {
    let mut width = 0.0_f64;
    for value in values {
        match value {
            Value::Uuid => width += 16.0,
            // Stands at a multiple of eight.
            Value::Time => width = (width / 8.0).ceil() * 8.0 + 8.0,
            Value::Text(bytes) => width += 1.0 + bytes,
        }
    }
    let entry = ENTRY_BYTES as f64 + (width / 8.0).ceil() * 8.0;
    pages(entries as f64 * entry / FILL / PAGE_USABLE_BYTES)
}

/// The size of a trigram index over so many trigrams in all rows together.
pub(super) fn trigram_bytes(trigrams: u64) -> u64 {
    pages(trigrams as f64 * TRIGRAM_BYTES / PAGE_USABLE_BYTES)
}

/// With the page that every index begins with.
fn pages(pages: f64) -> u64 {
    (pages.ceil() as u64 + 1) * PAGE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against what builds on made-up mail came to, a fifth more or less.
    #[test]
    fn estimates_are_near_what_was_built() {
        let near = |estimate: u64, built: u64| {
            assert!(estimate.abs_diff(built) * 5 <= built, "{estimate} for {built}");
        };
        let key = [Value::Uuid, Value::Text(6.0)];
        near(btree_bytes(600_000, &key), 26 << 20);
        near(btree_bytes(300_000, &[Value::Uuid, Value::Text(4.0), Value::Time]), 14 << 20);
        near(btree_bytes(150_000, &[Value::Time]), 3_312 << 10);
        near(trigram_bytes(7_807_558), 16_089_088);
        near(trigram_bytes(1_445_000), 3_072_000);
        assert_eq!(btree_bytes(0, &key), PAGE_BYTES);
    }
}
