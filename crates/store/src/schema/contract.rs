//! The contract as data: the tables of `PhoenixKit`'s email module at V136, and the indexes of V136 and V137.
//!
//! Steps make these objects, `verify` compares what is there with them, and adoption brings what is there to them.
//! Names are part of the contract, too: `PhoenixKit` recognises a violation of a unique index by the index's name.

mod indexes;
mod tables;
#[cfg(test)]
mod tests;

pub(super) use indexes::{INDEXES, Index, Method, Predicate};
pub(super) use tables::{
    Column, Default, EVENTS, FOREIGN_KEY, Kind, LOGS, MARKER_TABLE, ORPHANED_EVENTS, TABLE_NAMES, TABLES,
    Table, primary_key_name, table,
};

/// A name as SQL needs it, whatever is in it. <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
