//! The room that deleted rows leave: what vacuum has done about it, and will.

use aftersend_store::{TablePart, TableSizes};

use crate::{
    clock::{Clock, Moment},
    numbers::{bytes, grouped},
};

/// Tables that are told of at most.
const ROWS_SHOWN: usize = 8;

/// Dead bytes below which a table is not worth a row.
const DEAD_BYTES_MIN: u64 = 1_000_000;

/// A table with dead rows.
pub(crate) struct VacuumRow {
    pub(crate) table: String,
    /// Whether it is what holds the table's long values.
    pub(crate) is_long_values: bool,
    pub(crate) dead: String,
    /// About how many bytes these are.
    pub(crate) dead_bytes: String,
    /// Of all that there are.
    pub(crate) percent: String,
    /// When vacuum was last through, and whether by itself.
    pub(crate) last: Option<(Moment, bool)>,
    /// How many dead rows have it come by itself; nothing where it is switched off.
    pub(crate) begins_from: Option<String>,
    /// Whether there are as many.
    pub(crate) is_due: bool,
}

/// Every table's rows and long values, by the name of the table.
fn all(sizes: &TableSizes) -> impl Iterator<Item = (&str, bool, &TablePart)> {
    sizes
        .tables
        .iter()
        .flat_map(|table| [(&*table.name, false, &table.rows), (&*table.name, true, &table.long_values)])
}

/// What dead rows take, as if they were as long as the others.
fn dead_bytes(part: &TablePart) -> u64 {
    let (dead, live) = (u128::from(part.vacuum.dead_rows), u128::from(part.vacuum.live_rows));
    u64::try_from(u128::from(part.bytes) * dead / (dead + live).max(1)).unwrap_or(u64::MAX)
}

/// The tables with the most dead rows, by what these take.
pub(super) fn rows(sizes: &TableSizes, clock: &Clock) -> Vec<VacuumRow> {
    let mut dead: Vec<_> = all(sizes)
        .map(|(table, is_long_values, part)| (dead_bytes(part), table, is_long_values, part))
        .filter(|(bytes, ..)| *bytes >= DEAD_BYTES_MIN)
        .collect();
    dead.sort_by_key(|(bytes, table, ..)| (std::cmp::Reverse(*bytes), *table));
    dead.truncate(ROWS_SHOWN);
    let row = |(dead_bytes, table, is_long_values, part): (u64, &str, bool, &TablePart)| {
        let vacuum = &part.vacuum;
        let by_itself = vacuum.autovacuumed_at.map(|at| (at, true));
        let by_hand = vacuum.vacuumed_at.map(|at| (at, false));
        let last = by_itself.into_iter().chain(by_hand).max_by_key(|(at, _)| *at);
        VacuumRow {
            table: table.to_owned(),
            is_long_values,
            dead: grouped(vacuum.dead_rows),
            dead_bytes: bytes(dead_bytes),
            percent: format!("{}\u{a0}%", dead_bytes.saturating_mul(100) / part.bytes.max(1)),
            last: last.map(|(at, by_itself)| (clock.moment(at), by_itself)),
            begins_from: vacuum.begins_from.map(grouped),
            is_due: vacuum.begins_from.is_some_and(|from| vacuum.dead_rows > from),
        }
    };
    dead.into_iter().map(row).collect()
}

/// Tables of some size that autovacuum does not come to.
pub(super) fn switched_off(sizes: &TableSizes) -> Vec<String> {
    let off = |part: &TablePart| part.bytes > 0 && part.vacuum.begins_from.is_none();
    let tables = sizes.tables.iter().filter(|table| off(&table.rows) || off(&table.long_values));
    tables.map(|table| table.name.clone()).collect()
}
