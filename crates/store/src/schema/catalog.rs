//! What is there: tables, columns, constraints and indexes as PostgreSQL's catalog has them.
//!
//! A few queries for all tables at once, which read the catalog alone: nobody notices their locks.

use tokio_postgres::{Client, Row};

use super::contract::{INDEXES, MARKER_TABLE, TABLES};
use crate::Prefix;

/// What a schema has of the contract's tables, with all that is on them.
#[derive(Clone, Debug)]
pub(super) struct Catalog {
    pub(super) tables: Vec<FoundTable>,
    pub(super) indexes: Vec<FoundIndex>,
    /// What has the name of an index of the contract and is none.
    pub(super) other_names: Vec<String>,
    /// Whether the schema has the function that makes UUIDs of version 7.
    pub(super) has_uuid_function: bool,
}

/// A table that is there, or what goes by its name.
#[derive(Clone, Debug)]
pub(super) struct FoundTable {
    pub(super) name: String,
    pub(super) sort: Sort,
    /// Whether policies decide who sees which row.
    pub(super) row_security: bool,
    pub(super) owner: String,
    /// Whether this session's user may do what the owner may.
    pub(super) owned: bool,
    pub(super) triggers: Vec<String>,
    pub(super) columns: Vec<FoundColumn>,
    pub(super) constraints: Vec<FoundConstraint>,
}

/// What goes by a table's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Table,
    Partitioned,
    View,
    ForeignTable,
}

/// A column that is there.
#[derive(Clone, Debug)]
pub(super) struct FoundColumn {
    pub(super) name: String,
    /// Its type as PostgreSQL prints it, length included.
    pub(super) kind: String,
    pub(super) not_null: bool,
    /// Computed from others, or counted up by PostgreSQL.
    pub(super) generated: bool,
    pub(super) identity: bool,
    /// As PostgreSQL prints it.
    pub(super) default: Option<String>,
}

/// A constraint that is there.
#[derive(Clone, Debug)]
pub(super) struct FoundConstraint {
    pub(super) name: String,
    pub(super) sort: ConstraintSort,
    /// Whether every row is known to keep it.
    pub(super) validated: bool,
    pub(super) columns: Vec<String>,
}

/// What a constraint asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ConstraintSort {
    PrimaryKey,
    /// Where it leads, and whether rows go with the one they lead to.
    ForeignKey {
        to_table: String,
        to_columns: Vec<String>,
        cascades: bool,
    },
    /// UNIQUE or EXCLUDE, which stand on an index.
    ByIndex,
    Check,
}

impl Catalog {
    /// Reads it.
    pub(super) async fn read(client: &Client, prefix: &Prefix) -> Result<Self, tokio_postgres::Error> {
        let names: Vec<&str> = TABLES.iter().map(|table| table.name).chain([MARKER_TABLE]).collect();
        let rows =
            client.query(include_str!("sql/read_catalog_tables.sql"), &[&prefix.raw(), &names]).await?;
        let columns = client.query(include_str!("sql/read_columns.sql"), &[&prefix.raw(), &names]).await?;
        let constraints =
            client.query(include_str!("sql/read_constraints.sql"), &[&prefix.raw(), &names]).await?;
        let (indexes, other_names) = read_indexes(client, prefix).await?;
        let function = client.query_opt(include_str!("sql/find_uuid_function.sql"), &[&prefix.raw()]).await?;
        let mut tables = Vec::with_capacity(rows.len());
        for row in &rows {
            let name: String = row.try_get("name")?;
            let of_table = |row: &&Row| row.try_get::<_, &str>("table_name").is_ok_and(|table| table == name);
            tables.push(FoundTable {
                sort: match row.try_get("kind")? {
                    "r" => Sort::Table,
                    "p" => Sort::Partitioned,
                    "f" => Sort::ForeignTable,
                    _ => Sort::View,
                },
                row_security: row.try_get("row_security")?,
                owner: row.try_get("owner")?,
                owned: row.try_get("owned")?,
                triggers: row.try_get("triggers")?,
                columns: columns.iter().filter(of_table).map(FoundColumn::read).collect::<Result<_, _>>()?,
                constraints: constraints
                    .iter()
                    .filter(of_table)
                    .map(FoundConstraint::read)
                    .collect::<Result<_, _>>()?,
                name,
            });
        }
        Ok(Self { tables, indexes, other_names, has_uuid_function: function.is_some() })
    }

    /// What goes by the name of that table.
    pub(super) fn table(&self, name: &str) -> Option<&FoundTable> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The column, where both it and its table are there.
    pub(super) fn column(&self, table: &str, column: &str) -> Option<&FoundColumn> {
        self.table(table)?.column(column)
    }
}

impl FoundTable {
    pub(super) fn column(&self, name: &str) -> Option<&FoundColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl FoundColumn {
    fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            name: row.try_get("name")?,
            kind: row.try_get("kind")?,
            not_null: row.try_get("not_null")?,
            generated: row.try_get("generated")?,
            identity: row.try_get("identity")?,
            default: row.try_get("default")?,
        })
    }
}

impl FoundConstraint {
    fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let sort = match row.try_get("kind")? {
            "p" => ConstraintSort::PrimaryKey,
            "f" => ConstraintSort::ForeignKey {
                to_table: row.try_get("to_table")?,
                to_columns: row.try_get("to_columns")?,
                cascades: row.try_get("cascades")?,
            },
            "c" => ConstraintSort::Check,
            _ => ConstraintSort::ByIndex,
        };
        Ok(Self {
            name: row.try_get("name")?,
            sort,
            validated: row.try_get("validated")?,
            columns: row.try_get("columns")?,
        })
    }
}

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
