//! Step 136 on tables that are there already: brings them to the contract, or says what keeps it from that.
//!
//! The decision is made for the whole schema before anything is changed. Repairs are data: what each does, in which
//! statements, under which locks.

mod columns;
mod indexes;
mod judge;
mod keys;
mod rows;
mod run;
#[cfg(test)]
mod tests;
mod types;

use tokio_postgres::Client;

pub(super) use judge::{Cure, judge};
pub(super) use run::{locked, run};

use super::{
    MigrateError, Step,
    catalog::Catalog,
    compare,
    contract::{MARKER_TABLE, TABLES},
};
use crate::{Prefix, sql::render};

/// Rows of a table that are at most written anew, or indexed anew, while nobody can write: about a second. More of
/// them are an operator's decision, who gets the statement.
pub(super) const REWRITE_ROWS_MAX: i64 = 50_000;

/// Something that brings a table closer to the contract.
#[derive(Clone, Debug)]
pub(super) struct Repair {
    phase: Phase,
    pub(super) table: &'static str,
    /// What it does, in a sentence without a full stop.
    pub(super) sentence: String,
    pub(super) acts: Vec<Act>,
}

/// A part of a repair that is done wholly or not at all.
#[derive(Clone, Debug)]
pub(super) struct Act {
    /// What is run; several statements are one transaction.
    pub(super) sql: String,
    pub(super) lock: Lock,
    pub(super) way: Way,
}

/// The strongest lock that an act takes on the tables it names.
/// <https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lock {
    /// Only on what it makes.
    None,
    /// Like a writer: nobody waits but for the very rows.
    RowExclusive,
    /// Blocks other changes of the schema, and neither readers nor writers.
    ShareUpdateExclusive,
    /// Blocks writers.
    ShareRowExclusive,
    /// Blocks readers and writers.
    AccessExclusive,
}

/// How an act is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In a transaction of its own, giving up on a lock quickly and trying again.
    Guarded,
    /// Without a transaction, as `CONCURRENTLY` wants it.
    Concurrently,
    /// Once for each few pages of the table, from `{from}` up to `{to}`, with a commit behind each.
    Pages,
    /// Again and again, each time from the last key `$1` on, with a commit behind each.
    Keys,
}

/// The order in which repairs build on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Leftovers,
    Function,
    Mails,
    Types,
    Columns,
    Values,
    PrimaryKeys,
    Tables,
    ForeignKey,
    Indexes,
}

impl Lock {
    /// As PostgreSQL spells it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "no lock",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }
}

impl Repair {
    /// Whether it writes a table anew.
    pub(super) fn rewrites(&self) -> bool {
        self.phase == Phase::Types
    }

    /// The strongest lock that it takes, and for how long.
    pub(super) fn lock_words(&self) -> String {
        match self.acts.iter().map(|act| act.lock).max().unwrap_or(Lock::None) {
            Lock::None => Lock::None.name().to_owned(),
            lock @ (Lock::RowExclusive | Lock::ShareUpdateExclusive) => {
                format!("{}, which blocks no writer", lock.name())
            }
            lock if self.phase == Phase::Types => format!("{} as long as it takes", lock.name()),
            lock => format!("{} for a moment", lock.name()),
        }
    }
}

impl Act {
    fn guarded(sql: impl Into<String>, lock: Lock) -> Self {
        Self { sql: sql.into(), lock, way: Way::Guarded }
    }

    fn concurrently(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), lock: Lock::ShareUpdateExclusive, way: Way::Concurrently }
    }
}

/// What brings the schema to the contract's V136: nothing where it is there, or is not there at all.
///
/// # Errors
///
/// [`MigrateError::Drifted`] with everything that keeps the tables from being brought there. Nothing is changed either way.
pub(super) async fn survey(
    client: &Client,
    prefix: &Prefix,
    marker: u32,
) -> Result<Vec<Repair>, MigrateError> {
    let Survey { repairs, obstacles } = examine(client, prefix, marker).await?;
    if obstacles.is_empty() {
        return Ok(repairs);
    }
    let differences = obstacles.into_iter().map(Obstacle::sentence).collect();
    Err(MigrateError::Drifted { prefix: prefix.clone(), differences })
}

/// What is to be done about tables, and what stands in the way of that.
#[derive(Clone, Debug, Default)]
pub(super) struct Survey {
    pub(super) repairs: Vec<Repair>,
    /// With one of them nothing is done.
    pub(super) obstacles: Vec<Obstacle>,
}

/// What is different, and what an operator can do about it.
#[derive(Clone, Debug)]
pub(super) struct Obstacle {
    pub(super) what: String,
    pub(super) remedy: String,
}

impl Obstacle {
    fn sentence(self) -> String {
        if self.remedy.is_empty() { self.what } else { format!("{}. {}", self.what, self.remedy) }
    }
}

/// The same as [`survey`], with what stands in the way as data.
pub(super) async fn examine(client: &Client, prefix: &Prefix, marker: u32) -> Result<Survey, MigrateError> {
    let failed = |error: tokio_postgres::Error| MigrateError::database("comparing the tables", &error);
    let catalog = Catalog::read(client, prefix).await.map_err(failed)?;
    if marker == 0 {
        return Ok(Survey { repairs: Vec::new(), obstacles: without_marker(&catalog, prefix) });
    }
    let drifts = compare::drifts(&catalog, Step::V136);
    let judgements = judge(client, prefix, &catalog, drifts).await.map_err(failed)?;
    let mut obstacles = Vec::new();
    let mut repairs = Vec::new();
    for judgement in judgements {
        match judgement.cure {
            Cure::Repair(repair) => repairs.push(repair),
            Cure::Obstacle(remedy) => obstacles.push(Obstacle { what: judgement.what, remedy }),
            Cure::Leave(_) => {}
        }
    }
    if !repairs.is_empty() && !catalog.has_uuid_function {
        repairs.push(Repair {
            phase: Phase::Function,
            table: MARKER_TABLE,
            sentence: "the function uuid_generate_v7 made".to_owned(),
            acts: vec![Act::guarded(render(include_str!("sql/uuid_generate_v7.sql"), prefix), Lock::None)],
        });
    }
    repairs.sort_by_key(|repair| repair.phase);
    Ok(Survey { repairs, obstacles })
}

/// Tables without a marker are somebody's whose version nobody can tell.
fn without_marker(catalog: &Catalog, prefix: &Prefix) -> Vec<Obstacle> {
    let marked = catalog.table(MARKER_TABLE).is_some();
    let mut differences = Vec::new();
    if marked {
        differences.push(format!("the marker table {MARKER_TABLE} is there and says 0"));
    }
    for table in TABLES.iter().filter(|table| catalog.table(table.name).is_some()) {
        differences.push(if marked {
            format!("the table {} is there all the same", table.name)
        } else {
            format!(
                "the table {} is there, but the marker table phoenix_kit, which tells its version, is not",
                table.name
            )
        });
    }
    if differences.is_empty() {
        return Vec::new();
    }
    let make = if marked { String::new() } else { format!("{} ", marker_table(prefix)) };
    differences.push(format!(
        "if these are PhoenixKit's tables at V136 or a copy of them, say so, and run this again: \
         {make}COMMENT ON TABLE {}.{MARKER_TABLE} IS '136';",
        prefix.quoted()
    ));
    differences.into_iter().map(|what| Obstacle { what, remedy: String::new() }).collect()
}

/// The command that brings a schema up to date.
pub(super) fn up_command(prefix: &Prefix) -> String {
    if *prefix == Prefix::default() {
        "aftersend migrate up".to_owned()
    } else {
        format!("aftersend migrate up --prefix {prefix}")
    }
}

/// The statement that makes the marker table, in a line.
pub(super) fn marker_table(prefix: &Prefix) -> String {
    let statement = render(include_str!("sql/136/phoenix_kit.sql"), prefix);
    let lines = statement.lines().filter(|line| !line.starts_with("--")).map(str::trim);
    lines.collect::<Vec<_>>().join(" ")
}
