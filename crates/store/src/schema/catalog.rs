//! What is there: tables, columns, constraints and indexes as PostgreSQL's catalog has them.
//!
//! A few queries for all tables at once, which read the catalog alone: nobody notices their locks.

use tokio_postgres::{Client, Row};

use super::contract::{INDEXES, TABLES};
use crate::Prefix;

/// An index that is there.
#[derive(Clone, Debug)]
pub(super) struct FoundIndex {
    pub(super) name: String,
    /// The table it is on.
    pub(super) table: String,
    /// Whether queries may use it: its build has ended well.
    pub(super) valid: bool,
    /// Whether writers keep it up, and, where it is unique, are refused by it.
    pub(super) ready: bool,
    pub(super) unique: bool,
    /// The server process that is building it now, if it is being built concurrently.
    pub(super) builder: Option<i32>,
    pub(super) columns: Vec<String>,
    /// As PostgreSQL prints it.
    pub(super) predicate: Option<String>,
    /// The constraint that stands on it: its name and whether it is the primary key.
    pub(super) constraint: Option<(String, bool)>,
    method: String,
    /// The operator class of its first column.
    operators: String,
    /// What makes it another index though its columns and rows are the same.
    oddity: Option<&'static str>,
}

/// Reads the indexes of the contract's tables, and whatever else goes by the name of one of its indexes.
///
/// The second list has the names that something else than an index has.
pub(super) async fn read_indexes(
    client: &Client,
    prefix: &Prefix,
) -> Result<(Vec<FoundIndex>, Vec<String>), tokio_postgres::Error> {
    let names: Vec<&str> = INDEXES.iter().map(|index| index.name).collect();
    let tables: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    let rows = client.query(include_str!("sql/read_indexes.sql"), &[&prefix.raw(), &names, &tables]).await?;
    let (mut indexes, mut others) = (Vec::new(), Vec::new());
    for row in &rows {
        if row.try_get("is_index")? {
            indexes.push(FoundIndex::read(row)?);
        } else {
            others.push(row.try_get("name")?);
        }
    }
    Ok((indexes, others))
}

impl FoundIndex {
    fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let constraint: Option<String> = row.try_get("constraint_name")?;
        let primary: bool = row.try_get("primary")?;
        let oddities = [
            ("sorted", "sorted otherwise"),
            ("other_operators", "made with other operators than its columns' own"),
            ("other_collation", "sorted by another collation than its columns"),
            ("more_columns", "holding more columns than its keys"),
            ("nulls_equal", "one that takes NULLs for equal"),
            ("deferrable", "checked only at the end of a statement or transaction"),
        ];
        let mut oddity = None;
        for (column, words) in oddities {
            if row.try_get(column)? {
                oddity = oddity.or(Some(words));
            }
        }
        Ok(Self {
            name: row.try_get("name")?,
            table: row.try_get("table_name")?,
            valid: row.try_get("valid")?,
            ready: row.try_get("ready")?,
            unique: row.try_get("unique")?,
            builder: row.try_get("builder")?,
            columns: row.try_get("columns")?,
            predicate: row.try_get("predicate")?,
            constraint: constraint.map(|name| (name, primary)),
            method: row.try_get("method")?,
            operators: row.try_get("operators")?,
            oddity,
        })
    }

    /// The access method, for GIN with the operator class.
    pub(super) fn kind(&self) -> String {
        if self.method == "gin" { format!("gin {}", self.operators) } else { self.method.clone() }
    }

    /// What makes it another index than one with the same columns and rows, if anything does.
    pub(super) fn oddity(&self) -> Option<&'static str> {
        self.oddity
    }
}
