//! What of the plan comes from the rows: counted within a budget of time, else as the planner estimates it.
#![expect(clippy::cast_precision_loss, reason = "times that are told in two digits")]

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use tokio_postgres::{Client, Row, error::SqlState};

use super::{Amount, Time};
use crate::{
    Prefix,
    schema::{
        LastRun, MigrateError,
        contract::{EVENTS, Index, LOGS, Method, Predicate, quoted},
    },
    sql::render,
};

/// How long one count may take. Counting a table reads it once.
pub(super) const COUNT_BUDGET: Duration = Duration::from_secs(30);
/// How long timing a build's part on a sample may take.
const SAMPLE_BUDGET: Duration = Duration::from_secs(5);
/// Pages of a table that are read to time something: 16 MB.
const SAMPLE_PAGES: f64 = 2_000.0;

/// How long a phase must have lasted for its rate to say anything.
const RATE_AFTER_S: f64 = 1.0;

const PAGE_BYTES: f64 = 8_192.0;

/// A table's size, from the catalog.
#[derive(Clone, Debug)]
pub(super) struct Size {
    /// As the planner has it; nothing where nobody has counted.
    pub(super) rows: Option<u64>,
    /// Of its rows, without long values that stand apart.
    pub(super) rows_bytes: u64,
    pub(super) table_bytes: u64,
    pub(super) indexes_bytes: u64,
    /// How many indexes writers keep up.
    pub(super) indexes: u64,
}

impl Size {
    /// Bytes of one row.
    pub(super) fn row_bytes(&self, rows: u64) -> u64 {
        self.rows_bytes.checked_div(rows).unwrap_or(0)
    }
}

/// What the events are, counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Events {
    pub(super) single: u64,
    pub(super) single_keys: u64,
    pub(super) repeatable: u64,
    pub(super) repeatable_keys: u64,
    /// The mean length of a type.
    pub(super) type_bytes: f64,
    /// How long it took.
    pub(super) took: Duration,
}

/// What the mails are, counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mails {
    pub(super) all: u64,
    pub(super) opened: u64,
    pub(super) clicked: u64,
    pub(super) with_body: u64,
    pub(super) template_bytes: f64,
    pub(super) to_characters: u64,
    pub(super) subject_characters: u64,
    pub(super) campaign_characters: u64,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) sizes: HashMap<String, Size>,
    /// Nothing where there is no table, or the budget did not do.
    pub(super) events: Option<Events>,
    pub(super) mails: Option<Mails>,
    pub(super) ids: Option<u64>,
    /// The run before this one, if it did not come to its end.
    pub(super) broken_off: Option<LastRun>,
    /// Tables that could not be counted.
    pub(super) not_counted: Vec<&'static str>,
}

impl Measured {
    pub(super) fn size(&self, table: &str) -> Option<&Size> {
        self.sizes.get(table)
    }

    pub(super) fn rows(&self, table: &str) -> Option<Amount> {
        let counted = match table {
            EVENTS => self.events.map(|events| events.single + events.repeatable),
            LOGS => self.mails.map(|mails| mails.all),
            _ => None,
        };
        let estimated = || self.size(table).and_then(|size| size.rows).map(Amount::estimated);
        counted.map(Amount::counted).or_else(estimated)
    }

    /// What a phase takes that goes through a table, by the rate of the run that was broken off in it.
    pub(super) fn by_last_run(&self, phase: &str, table: &str) -> Option<Time> {
        let run = self.broken_off.as_ref().filter(|run| run.phase == phase)?;
        let seconds = run.updated_at.duration_since(run.phase_began_at).as_secs_f64();
        if run.done <= 0 || seconds < RATE_AFTER_S {
            return None;
        }
        let rows = self.rows(table)?.number;
        Some(Time {
            seconds: rows as f64 * seconds / run.done as f64,
            at_least: false,
            from: format!(
                "by the rate of the run that was broken off at {}",
                run.updated_at.strftime("%Y-%m-%d %H:%M:%S UTC")
            ),
        })
    }

    /// Bytes that reading the table's rows takes.
    pub(super) fn rows_bytes(&self, table: &str) -> Option<Amount> {
        self.size(table).map(|size| Amount::counted(size.rows_bytes))
    }
}

/// Asks the database, each question within a budget.
pub(super) struct Meter<'a> {
    pub(super) client: &'a Client,
    pub(super) prefix: &'a Prefix,
}

impl Meter<'_> {
    /// A row, or nothing where the budget did not do.
    async fn row(&self, statement: &str, budget: Duration) -> Result<Option<(Row, Duration)>, MigrateError> {
        let failed = |error: &tokio_postgres::Error| MigrateError::database("measuring the tables", error);
        let settings = format!("SET statement_timeout = {}", budget.as_millis());
        self.client.batch_execute(&settings).await.map_err(|error| failed(&error))?;
        let began = Instant::now();
        let answer = self.client.query_one(statement, &[]).await;
        let took = began.elapsed();
        self.client.batch_execute("SET statement_timeout = 0").await.map_err(|error| failed(&error))?;
        match answer {
            Ok(row) => Ok(Some((row, took))),
            // Out of time, or the table is locked: the estimate has to do.
            Err(error) if can_do_without(&error) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    pub(super) async fn sizes(
        &self,
        tables: &[&str],
    ) -> Result<HashMap<String, Size>, tokio_postgres::Error> {
        let statement = include_str!("../sql/read_table_sizes.sql");
        let rows = self.client.query(statement, &[&self.prefix.raw(), &tables]).await?;
        let number = |row: &Row, column| u64::try_from(row.get::<_, i64>(column)).ok();
        let size = |row: &Row| Size {
            rows: number(row, "rows"),
            rows_bytes: number(row, "rows_bytes").unwrap_or(0),
            table_bytes: number(row, "table_bytes").unwrap_or(0),
            indexes_bytes: number(row, "indexes_bytes").unwrap_or(0),
            indexes: number(row, "indexes").unwrap_or(0),
        };
        Ok(rows.iter().map(|row| (row.get("name"), size(row))).collect())
    }

    pub(super) async fn events(&self) -> Result<Option<Events>, MigrateError> {
        let statement = render(include_str!("../sql/count_events.sql"), self.prefix);
        let answer = self.row(&statement, COUNT_BUDGET).await?;
        Ok(answer.map(|(row, took)| Events {
            single: count(&row, "single"),
            single_keys: count(&row, "single_keys"),
            repeatable: count(&row, "repeatable"),
            repeatable_keys: count(&row, "repeatable_keys"),
            type_bytes: row.get("type_bytes"),
            took,
        }))
    }

    pub(super) async fn mails(&self) -> Result<Option<Mails>, MigrateError> {
        let statement = render(include_str!("../sql/count_mails.sql"), self.prefix);
        let answer = self.row(&statement, COUNT_BUDGET).await?;
        Ok(answer.map(|(row, _)| Mails {
            all: count(&row, "mails"),
            opened: count(&row, "opened"),
            clicked: count(&row, "clicked"),
            with_body: count(&row, "with_body"),
            template_bytes: row.get("template_bytes"),
            to_characters: count(&row, "to_characters"),
            subject_characters: count(&row, "subject_characters"),
            campaign_characters: count(&row, "campaign_characters"),
        }))
    }

    pub(super) async fn ids_in_headers(&self) -> Result<Option<u64>, MigrateError> {
        let statement = render(include_str!("../sql/count_missing_ids.sql"), self.prefix);
        Ok(self.row(&statement, COUNT_BUDGET).await?.map(|(row, _)| count(&row, 0)))
    }

    /// How many removed events there are.
    pub(super) async fn removed(&self) -> Result<Option<u64>, MigrateError> {
        let statement = format!("SELECT count(*) FROM {}.aftersend_removed_events", self.prefix.quoted());
        Ok(self.row(&statement, COUNT_BUDGET).await?.map(|(row, _)| count(&row, 0)))
    }

    /// How many mails have an event that is kept whole.
    pub(super) async fn mails_with_events(&self) -> Result<Option<u64>, MigrateError> {
        let statement = render(include_str!("../sql/count_mails_with_events.sql"), self.prefix);
        Ok(self.row(&statement, COUNT_BUDGET).await?.map(|(row, _)| count(&row, 0)))
    }

    /// How many mails step a1 marks. Before the step they lack the column that it looks at.
    pub(super) async fn derived(&self, has_column: bool) -> Result<Option<u64>, MigrateError> {
        let find = render(include_str!("../sql/a1_find_derived.sql"), self.prefix)
            .replace("$1::uuid", "NULL::uuid")
            .replace("$1", "NULL::uuid")
            .replace("$2::uuid", "NULL::uuid")
            .replace("$2", "NULL::uuid");
        let find = if has_column { find } else { find.replace("aftersend_derived IS NULL", "true") };
        // What stands before it are comments, to the end of their line.
        let statement = format!("SELECT count(*) FROM (\n{find}\n) AS found");
        Ok(self.row(&statement, COUNT_BUDGET).await?.map(|(row, _)| count(&row, 0)))
    }

    /// Times what of an index's build can be done without building it, on a sample of the table's pages: reading and
    /// sorting its rows, or reading them and taking their trigrams; and reading alone, which a concurrent build does
    /// once more. `trigrams` is the schema of `pg_trgm`, quoted.
    pub(super) async fn build(
        &self,
        index: &Index,
        size: &Size,
        trigrams: Option<&str>,
        passes: u32,
    ) -> Result<Option<Time>, MigrateError> {
        let pages = size.rows_bytes as f64 / PAGE_BYTES;
        if pages < 1.0 {
            return Ok(None);
        }
        let percent = (SAMPLE_PAGES / pages * 100.0).min(100.0);
        let from = format!("{}.{} TABLESAMPLE SYSTEM ({percent:.6})", self.prefix.quoted(), index.table);
        let columns: Vec<String> = index.columns.iter().map(|column| quoted(column)).collect();
        let columns = columns.join(", ");
        let rows = index.predicate.map_or("true".to_owned(), Predicate::sql);
        let read = format!("SELECT count(*) FROM {from} WHERE {rows}");
        let work = match (index.method, trigrams) {
            (Method::Btree, _) => format!(
                "SELECT count(*) FROM (SELECT {columns} FROM {from} WHERE {rows} ORDER BY {columns} OFFSET 0) AS entry"
            ),
            (Method::Trigrams, Some(schema)) => {
                format!("SELECT coalesce(sum(cardinality({schema}.show_trgm({columns}))), 0) FROM {from}")
            }
            (Method::Trigrams, None) => return Ok(None),
        };
        let Some((_, work)) = self.row(&work, SAMPLE_BUDGET).await? else { return Ok(None) };
        let mut sampled = work.as_secs_f64();
        // The sample's pages are in memory now, as those of the first pass will be for the second, or not.
        if passes > 1 {
            let Some((_, read)) = self.row(&read, SAMPLE_BUDGET).await? else { return Ok(None) };
            sampled += read.as_secs_f64();
        }
        let done = match index.method {
            Method::Btree => "reading and sorting",
            Method::Trigrams => "reading, and taking trigrams of,",
        };
        let of = if percent < 100.0 {
            format!("a sample of {percent:.2} % of its table's pages")
        } else {
            "its table".to_owned()
        };
        Ok(Some(Time {
            seconds: sampled * 100.0 / percent,
            at_least: true,
            from: format!("{done} {of} just now; writing the index comes on top"),
        }))
    }
}

/// Whether a question's answer may be missing: it was out of time, the table is locked, the user may not read it (which
/// is said elsewhere), or it lacks a column that step 136 is about to add.
fn can_do_without(error: &tokio_postgres::Error) -> bool {
    let states = [
        SqlState::QUERY_CANCELED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::DATATYPE_MISMATCH,
    ];
    states.iter().any(|state| error.code() == Some(state))
}

fn count(row: &Row, column: impl tokio_postgres::row::RowIndex + std::fmt::Display) -> u64 {
    u64::try_from(row.get::<_, i64>(column)).unwrap_or(0)
}
