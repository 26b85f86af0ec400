//! What `up` would do to this very database: each statement as it will run, its locks, what it touches, and what stands
//! in the way. Changes nothing, takes no migrator's lock, and reads in short transactions.
//!
//! The statements come from the functions that the runner takes them from; a test compares what a run sent to the
//! server with what was planned. Numbers are counted where that fits a budget of time, and said to be estimates where
//! not. A time is given only where something was timed here, and says what.

mod estimate;
mod look;
mod measure;
mod operations;
mod outlook;
#[cfg(test)]
mod tests;

use serde::{Serialize, Serializer};

use super::{MigrateError, Migrator, Step, UpOptions};
use crate::{DatabaseAddress, Prefix};

/// What `up` would do.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The Postgres schema.
    pub prefix: String,
    /// The marker, nothing where there is none or it can't be read.
    pub phoenix_kit_version: Option<u32>,
    /// The last step that is there, all before it included.
    pub reached: Option<Step>,
    /// The step to go to.
    pub target: Step,
    /// How steps run.
    pub way: PlannedWay,
    /// The tables that are there already and will be read or written.
    pub tables: Vec<PlannedTable>,
    /// What each pending step does, in order. Empty where there is nothing to do, or something is in the way of planning.
    pub steps: Vec<PlannedStep>,
    /// What it comes to.
    pub totals: PlanTotals,
    /// Transactions that are in the way now, or may be.
    pub blockers: Vec<Blocker>,
    /// What to know before.
    pub notices: Vec<String>,
    /// What keeps `up` from being done.
    pub obstacles: Vec<Obstacle>,
}

/// How steps run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedWay {
    /// Beside an application that goes on writing.
    Online,
    /// Each step in one transaction, as asked for.
    InTransaction,
    /// The same, since there are neither mails nor events yet.
    InTransactionWithoutRows,
}

/// A table that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedTable {
    /// Its name, without the schema.
    pub name: String,
    /// Its rows.
    pub rows: Option<Amount>,
    /// Its size with long values kept apart (TOAST), without indexes.
    pub table_bytes: u64,
    /// The size of its indexes.
    pub indexes_bytes: u64,
}

/// A number, and whether it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// The number.
    pub number: u64,
    /// Counted or read, and not estimated.
    pub measured: bool,
}

/// A step that is not there yet.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedStep {
    /// The step.
    pub step: Step,
    /// What it is for.
    pub purpose: &'static str,
    /// What it does, in order.
    pub operations: Vec<Operation>,
}

/// Something that a step does.
#[derive(Clone, Debug, Serialize)]
pub struct Operation {
    /// What it is, in a sentence without a full stop.
    pub what: String,
    /// How its statements run.
    pub manner: Manner,
    /// The statements that change something, as they will run. In batches: the one that runs for each.
    pub statements: Vec<String>,
    /// The statements that find what is to be changed.
    pub reads: Vec<String>,
    /// Whether it turns out only on the way if there is anything to do it to.
    pub conditional: bool,
    /// What it locks of what is there already.
    pub locks: Vec<PlannedLock>,
    /// How many rows it changes, or puts into an index.
    pub rows: Option<Amount>,
    /// How much it reads.
    pub bytes_read: Option<Amount>,
    /// How much it writes to tables and indexes; the log (WAL) takes about as much again.
    pub bytes_written: Option<Amount>,
    /// How long it takes, where something was timed.
    pub time: Option<Time>,
}

/// How statements run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// Reading only.
    Reads,
    /// Each by itself, without waiting for anybody.
    Plain,
    /// In a transaction that gives way where a lock is not to be had within `lock_timeout`, and is tried again.
    Guarded,
    /// In short transactions, one for each batch of rows.
    Batches,
    /// Outside of a transaction, waiting for older transactions without keeping anybody out (`CONCURRENTLY`).
    Concurrently,
    /// In the one transaction of the step.
    TheTransaction,
}

/// A lock on a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedLock {
    /// The table.
    pub table: String,
    /// As PostgreSQL spells it.
    pub mode: &'static str,
    /// Whom it keeps out, and for how long.
    pub keeps_out: String,
}

/// A time that something was timed for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Time {
    /// How many seconds.
    pub seconds: f64,
    /// Only a part was timed, and the rest comes on top.
    pub at_least: bool,
    /// What was timed.
    pub from: String,
}

/// What a plan comes to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PlanTotals {
    /// Events that are removed.
    pub duplicate_events: Option<Amount>,
    /// Mails that get an SES id.
    pub ids_filled_in: Option<Amount>,
    /// Indexes that are built on tables with rows.
    pub indexes_built: usize,
    /// Their size.
    pub indexes_bytes: Option<Amount>,
    /// Disk that is taken for good, and the log's part beside it.
    pub disk_bytes: Option<Amount>,
    /// Log (WAL) that is written, and kept until every standby and archive has it.
    pub wal_bytes: Option<Amount>,
    /// Seconds at least, of the parts that were timed.
    pub seconds_min: Option<f64>,
    /// Parts that were not timed.
    pub parts_without_time: usize,
    /// How long a writer waits for a lock at most, online: for a batch of rows, or for one attempt at a lock.
    pub writer_waits_max_ms: Option<u64>,
    /// How long writers of mails and events are kept out at least, in one transaction.
    pub writers_kept_out_seconds_min: Option<f64>,
}

/// A transaction in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// The server process, nothing for a prepared transaction.
    pub pid: Option<i32>,
    /// Which process or transaction, in words.
    pub who: String,
    /// The application's name for itself.
    pub application: Option<String>,
    /// The database user.
    pub user: Option<String>,
    /// What it is doing, as `pg_stat_activity.state` has it. Never the statement.
    pub state: Option<String>,
    /// Since when its transaction lasts, RFC 3339.
    pub since: Option<String>,
    /// What waits for it.
    pub holds_up: String,
}

/// Something that keeps `up` from being done, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// What it is.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl Plan {
    /// Whether `up` has nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.obstacles.is_empty()
    }
}

impl Amount {
    /// One that was counted.
    pub const fn counted(number: u64) -> Self {
        Self { number, measured: true }
    }

    /// One that is about right.
    pub const fn estimated(number: u64) -> Self {
        Self { number, measured: false }
    }
}

impl std::ops::Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { number: self.number.saturating_add(other.number), measured: self.measured && other.measured }
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Migrator {
    /// What [`Migrator::up`] would do. Reads the tables once, within a budget of time, and changes nothing.
    ///
    /// Cancel-safe: dropped, the server goes on reading until its statement ends or runs out of its budget.
    ///
    /// # Errors
    ///
    /// When there is no way to the database, or it can't be read. What would make `up` fail is in the plan.
    pub async fn plan(
        address: &DatabaseAddress,
        prefix: &Prefix,
        options: &UpOptions,
    ) -> Result<Plan, MigrateError> {
        look::plan(address, prefix, *options).await
    }
}
