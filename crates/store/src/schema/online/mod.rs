//! Work on tables that an application writes to all the while: short batches that commit, locks that are asked for
//! and not waited for, index builds that keep no writer out.

pub(super) mod builds;
pub(super) mod duplicates;
pub(super) mod fold;
mod gate;
pub(super) mod mails;
mod pace;
mod progress;
pub(super) mod recipients;
pub(super) mod removed;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_postgres::{Client, Row, Statement, Transaction, error::SqlState, types::ToSql};

use super::{
    MigrateError, Step,
    catalog::{self, FoundIndex},
    error::{Undone, failure},
    runner::{SESSION_SETTINGS, SESSION_SETTINGS_OF_17},
};
use crate::{Connection, DatabaseAddress, Prefix};
pub(super) use pace::LOCKED_MAX;
use pace::Pace;
pub(super) use progress::{Board, Observer};
pub use progress::{Progress, Watcher};

/// The first pause after a lock was not to be had. It doubles with each attempt.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How often a batch comes again because of values that others took.
const TAKEN_MAX: u32 = 20;
/// How often to change the session's settings under a limit that may break that off.
const SETTINGS_TRIES_MAX: u32 = 100;
/// How long a lock that keeps no writer out may be waited for at a time: longer than `deadlock_timeout` (1 s), after
/// which PostgreSQL ends an autovacuum that stands in the way.
const HARMLESS_LOCK_TIMEOUT_MS: u32 = 5_000;

/// What work on a live database may cost others, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a statement that keeps writers waiting may itself wait for its lock, before it gives way and is
    /// tried again.
    pub lock_timeout: Duration,
    /// How long to wait for other transactions: a build at a stretch, a lock over all attempts.
    pub wait_budget: Duration,
    /// How often to build a unique index into which somebody goes on writing duplicates.
    pub tries_max: u32,
}

impl Limits {
    /// What a transaction is set to that keeps writers out.
    pub(super) fn lock_settings(&self) -> String {
        format!("SET LOCAL lock_timeout = {}", self.lock_timeout_ms())
    }

    /// As the server takes it, for which 0 would be no limit at all.
    fn lock_timeout_ms(&self) -> i32 {
        i32::try_from(self.lock_timeout.as_millis()).unwrap_or(i32::MAX).max(1)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { lock_timeout: Duration::from_millis(50), wait_budget: Duration::from_mins(15), tries_max: 20 }
    }
}

/// What is done in one transaction, and again from the start where a lock was not to be had.
pub(super) trait Work: Sync {
    /// What comes of it.
    type Done: Send;

    /// Does it.
    fn run(&self, transaction: &Transaction<'_>) -> impl Future<Output = Result<Self::Done, Failure>> + Send;
}

/// Statements without parameters.
struct Statements<'a>(&'a str);

impl Work for Statements<'_> {
    type Done = ();

    async fn run(&self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        Ok(transaction.batch_execute(self.0).await?)
    }
}

/// Why a transaction was not committed.
pub(super) enum Failure {
    /// The database said so.
    Database(tokio_postgres::Error),
    /// We did.
    Refused(MigrateError),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<MigrateError> for Failure {
    fn from(refusal: MigrateError) -> Self {
        Self::Refused(refusal)
    }
}

/// What a session is set to at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// No limits: reading, and builds, which the observer watches.
    Unlimited,
    /// Broken off after [`LOCKED_MAX`].
    Batch,
    /// One row that takes longer than that all by itself.
    SingleRow,
}

/// The migrator's connection at work on a live database.
pub(super) struct Session<'m> {
    pub(super) client: &'m mut Client,
    address: &'m DatabaseAddress,
    pub(super) prefix: &'m Prefix,
    pub(super) limits: Limits,
    pub(super) board: Arc<Board>,
    /// The step and whether it goes up: for errors and progress.
    pub(super) task: (Step, bool),
    mode: Option<Mode>,
    pace: Pace,
}

impl<'m> Session<'m> {
    pub(super) fn new(
        client: &'m mut Client,
        address: &'m DatabaseAddress,
        prefix: &'m Prefix,
        limits: Limits,
        board: Arc<Board>,
        task: (Step, bool),
    ) -> Self {
        Self { client, address, prefix, limits, board, task, mode: None, pace: Pace::default() }
    }

    /// Another connection, set as the migrator's is, but for its name.
    async fn another(&self, name: &str) -> Result<Connection, MigrateError> {
        let connection = Connection::open(self.address).await?;
        let settings = format!(
            "{SESSION_SETTINGS}; {SESSION_SETTINGS_OF_17}; SET application_name = 'aftersend migrate, {name}'"
        );
        connection.client.batch_execute(&settings).await.map_err(|error| self.failed(&error))?;
        Ok(connection)
    }

    /// Says what is being done from now on.
    pub(super) fn phase(&self, phase: impl Into<String>, total: Option<u64>, unit: &'static str) {
        self.board.begin(self.task, phase, total, unit);
    }

    /// Of a statement beside which others stay done.
    pub(super) fn failed(&self, error: &tokio_postgres::Error) -> MigrateError {
        failure(self.task, Undone::TheRestStays, error)
    }

    /// Of a transaction that was all there was to do.
    fn failed_whole(&self, error: &tokio_postgres::Error) -> MigrateError {
        failure(self.task, Undone::All, error)
    }

    /// A question, without limits.
    pub(super) async fn ask(
        &mut self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, MigrateError> {
        self.set(Mode::Unlimited).await?;
        self.client.query(statement, parameters).await.map_err(|error| self.failed(&error))
    }

    /// The indexes that are there, without limits: the catalog of a busy server may take longer than a batch.
    pub(super) async fn indexes(&mut self) -> Result<Vec<FoundIndex>, MigrateError> {
        self.set(Mode::Unlimited).await?;
        let read = catalog::read_indexes(self.client, self.prefix).await;
        read.map(|(indexes, _)| indexes).map_err(|error| self.failed(&error))
    }

    /// How many rows a table has, as far as the planner knows.
    pub(super) async fn estimate_rows(&mut self, table: &str) -> Result<Option<u64>, MigrateError> {
        let rows = self.ask(include_str!("../sql/estimate_rows.sql"), &[&self.prefix.raw(), &table]).await?;
        Ok(rows.first().and_then(|row| u64::try_from(row.get::<_, i64>(0)).ok()))
    }

    /// Statements without parameters and without limits, which keep no writer out.
    pub(super) async fn run(&mut self, statements: &str) -> Result<(), MigrateError> {
        self.set(Mode::Unlimited).await?;
        self.client.batch_execute(statements).await.map_err(|error| self.failed(&error))
    }

    /// Runs statements that keep writers of these tables out, in one transaction.
    pub(super) async fn guarded(&mut self, tables: &[&str], statements: &str) -> Result<(), MigrateError> {
        self.transaction(tables, Statements(statements)).await
    }

    /// Does work that keeps writers of these tables out, in one transaction.
    ///
    /// A lock that is waited for stands in the queue before everybody who comes later, so it is not waited for:
    /// after `lock_timeout` the transaction gives way and is tried again.
    /// <https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-LOCK-TIMEOUT>
    ///
    /// An autovacuum is ended by PostgreSQL only for somebody who has waited for a second. So the lock is taken in
    /// two goes: first one that stands in the way of autovacuum and of no writer, with time; then, holding that,
    /// the one that the work takes.
    pub(super) async fn transaction<W: Work>(
        &mut self,
        tables: &[&str],
        work: W,
    ) -> Result<W::Done, MigrateError> {
        self.set(Mode::Unlimited).await?;
        let prepare = guard(self.prefix, &self.limits, tables);
        let mut patience = Patience::new(self.limits.wait_budget);
        loop {
            match self.attempt(&prepare, &work).await {
                Ok(done) => {
                    self.board.waits_for(None);
                    return Ok(done);
                }
                Err(Failure::Refused(refusal)) => return Err(refusal),
                Err(Failure::Database(error)) if gives_way(&error) => {
                    self.give_way(&mut patience, tables, false).await?;
                }
                Err(Failure::Database(error)) => return Err(self.failed_whole(&error)),
            }
        }
    }

    async fn attempt<W: Work>(&mut self, prepare: &str, work: &W) -> Result<W::Done, Failure> {
        let transaction = self.client.transaction().await?;
        transaction.batch_execute(prepare).await?;
        let done = work.run(&transaction).await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// Waits before the next attempt, and says for whom; ends when it has been waiting for too long.
    async fn give_way(
        &mut self,
        patience: &mut Patience,
        tables: &[&str],
        row: bool,
    ) -> Result<(), MigrateError> {
        let read = include_str!("../sql/read_holder.sql");
        let holder = self.ask(read, &[&self.prefix.raw(), &tables, &row]).await?;
        let holder = holder.first().map(|row| row.get::<_, String>(0));
        let Some(pause) = patience.pause() else {
            return Err(MigrateError::Locked {
                step: self.task.0,
                holder: holder.unwrap_or("a session that has just ended".to_owned()),
                waited_s: patience.waited_s(),
            });
        };
        self.board.waits_for(holder);
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Runs a statement on rows of these tables in batches, each a transaction of its own that holds its row locks
    /// for no longer than [`LOCKED_MAX`]. `parameters` makes those of a batch from its rows. Says how many rows the
    /// statement told of.
    ///
    /// A batch that runs into the limit, or into somebody's lock, is broken off by the server, and comes again
    /// smaller.
    pub(super) async fn in_batches<R: Sync>(
        &mut self,
        statement: &str,
        tables: &[&str],
        rows: &[R],
        parameters: impl for<'r> Fn(&'r [R]) -> Vec<Box<dyn ToSql + Sync + Send + 'r>>,
    ) -> Result<u64, MigrateError> {
        self.all_batches(None, statement, tables, rows, parameters).await
    }

    /// The same with a statement before it in each transaction that takes locks; it is given the first of the
    /// parameters. A statement that has waited for a lock does not see what it waited for; the next one does. Each of
    /// the two has [`LOCKED_MAX`]; how many rows come next goes by the time of both.
    /// <https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED>
    pub(super) async fn in_locked_batches<R: Sync>(
        &mut self,
        lock: &str,
        statement: &str,
        tables: &[&str],
        rows: &[R],
        parameters: impl for<'r> Fn(&'r [R]) -> Vec<Box<dyn ToSql + Sync + Send + 'r>>,
    ) -> Result<u64, MigrateError> {
        self.all_batches(Some(lock), statement, tables, rows, parameters).await
    }

    async fn all_batches<R: Sync>(
        &mut self,
        lock: Option<&str>,
        statement: &str,
        tables: &[&str],
        rows: &[R],
        parameters: impl for<'r> Fn(&'r [R]) -> Vec<Box<dyn ToSql + Sync + Send + 'r>>,
    ) -> Result<u64, MigrateError> {
        if rows.is_empty() {
            return Ok(0);
        }
        let told = self.batches(lock, statement, tables, rows, parameters).await;
        // Not for whatever comes next: reading the catalog may well take longer than a batch.
        self.set(Mode::Unlimited).await?;
        told
    }

    async fn batches<R: Sync>(
        &mut self,
        lock: Option<&str>,
        statement: &str,
        tables: &[&str],
        rows: &[R],
        parameters: impl for<'r> Fn(&'r [R]) -> Vec<Box<dyn ToSql + Sync + Send + 'r>>,
    ) -> Result<u64, MigrateError> {
        let statement = self.client.prepare(statement).await.map_err(|error| self.failed(&error))?;
        let lock = match lock {
            Some(lock) => Some(self.client.prepare(lock).await.map_err(|error| self.failed(&error))?),
            None => None,
        };
        let mut rest = rows;
        let mut told = 0;
        let mut taken = 0;
        let mut patience = Patience::new(self.limits.wait_budget);
        while !rest.is_empty() {
            let batch = &rest[..self.pace.rows().min(rest.len())];
            self.set(if batch.len() == 1 { Mode::SingleRow } else { Mode::Batch }).await?;
            let values = parameters(batch);
            let values: Vec<&(dyn ToSql + Sync)> =
                values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
            let began = Instant::now();
            match self.run_batch(lock.as_ref(), &statement, &values).await {
                Ok(count) => {
                    self.pace.took(batch.len(), began.elapsed());
                    patience = Patience::new(self.limits.wait_budget);
                    told += count;
                    rest = &rest[batch.len()..];
                }
                // Too many rows for the time, or a lock that came late in it: only the next attempt will tell.
                Err(error)
                    if self.mode == Some(Mode::Batch) && error.code() == Some(&SqlState::QUERY_CANCELED) =>
                {
                    self.pace.broke_off();
                }
                // A unique value that somebody took meanwhile; the statement looks for that, and will see it.
                Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) && taken < TAKEN_MAX => {
                    taken += 1;
                    self.pace.broke_off();
                }
                Err(error) if gives_way(&error) => {
                    self.pace.broke_off();
                    self.give_way(&mut patience, tables, true).await?;
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
        self.board.waits_for(None);
        Ok(told)
    }

    /// Runs one statement that works on as many rows as its parameters say, as a batch: says what it answered and how
    /// long it took, or nothing when it was broken off, for time or for somebody's lock, and must come again with less.
    /// The smallest batch there is gets the time that it needs.
    pub(super) async fn batch(
        &mut self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
        smallest: bool,
        tables: &[&str],
        patience: &mut Patience,
    ) -> Result<Option<(Vec<Row>, Duration)>, MigrateError> {
        self.set(if smallest { Mode::SingleRow } else { Mode::Batch }).await?;
        let began = Instant::now();
        match self.client.query(statement, parameters).await {
            Ok(rows) => {
                *patience = Patience::new(self.limits.wait_budget);
                Ok(Some((rows, began.elapsed())))
            }
            Err(error) if !smallest && error.code() == Some(&SqlState::QUERY_CANCELED) => Ok(None),
            Err(error) if gives_way(&error) => {
                self.give_way(patience, tables, true).await?;
                Ok(None)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn run_batch(
        &mut self,
        lock: Option<&Statement>,
        statement: &Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, tokio_postgres::Error> {
        let Some(lock) = lock else { return self.client.execute(statement, values).await };
        let transaction = self.client.transaction().await?;
        transaction.execute(lock, &values[..1]).await?;
        let told = transaction.execute(statement, values).await?;
        transaction.commit().await?;
        Ok(told)
    }

    /// Runs one statement that waits for other transactions without keeping writers out, such as
    /// `CREATE INDEX CONCURRENTLY`: without `lock_timeout`, with which a single old snapshot would make it
    /// impossible, but not for ever. The observer sees to that, and tells whom it waits for.
    ///
    /// # Errors
    ///
    /// The outer one is final; the inner one is the server's answer to the statement.
    pub(super) async fn waiting(
        &mut self,
        statement: &str,
    ) -> Result<Result<(), tokio_postgres::Error>, MigrateError> {
        self.set(Mode::Unlimited).await?;
        self.board.limit_waiting(self.limits.wait_budget);
        let result = self.client.batch_execute(statement).await;
        match self.board.waiting_is_over() {
            Some(whom)
                if result.as_ref().is_err_and(|error| error.code() == Some(&SqlState::QUERY_CANCELED)) =>
            {
                Err(MigrateError::Waited {
                    step: self.task.0,
                    whom,
                    budget_s: self.limits.wait_budget.as_secs(),
                })
            }
            _ => Ok(result),
        }
    }

    async fn set(&mut self, mode: Mode) -> Result<(), MigrateError> {
        if self.mode == Some(mode) {
            return Ok(());
        }
        let lock_timeout_ms = self.limits.lock_timeout_ms();
        let (lock_ms, statement_ms) = match mode {
            Mode::Unlimited => (0, 0),
            Mode::Batch => (lock_timeout_ms, LOCKED_MAX.as_millis()),
            Mode::SingleRow => (lock_timeout_ms, 0),
        };
        let settings = format!("SET lock_timeout = {lock_ms}; SET statement_timeout = {statement_ms}");
        // The old limit holds for this very statement, and on a busy machine even that can be too short.
        for attempt in 1.. {
            match self.client.batch_execute(&settings).await {
                Ok(()) => break,
                Err(error)
                    if self.mode == Some(Mode::Batch)
                        && error.code() == Some(&SqlState::QUERY_CANCELED)
                        && attempt < SETTINGS_TRIES_MAX => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
        self.mode = Some(mode);
        Ok(())
    }
}

/// What a transaction begins with that keeps writers of these tables out.
pub(super) fn guard(prefix: &Prefix, limits: &Limits, tables: &[&str]) -> String {
    use std::fmt::Write;

    let mut guard = format!("SET LOCAL lock_timeout = {HARMLESS_LOCK_TIMEOUT_MS};\n");
    for table in tables {
        writeln!(guard, "LOCK TABLE {}.{table} IN SHARE UPDATE EXCLUSIVE MODE;", prefix.quoted())
            .expect("a String takes any text");
    }
    guard + &limits.lock_settings()
}

/// Whether the same statement may do the next time, because somebody else was in the way.
fn gives_way(error: &tokio_postgres::Error) -> bool {
    [&SqlState::LOCK_NOT_AVAILABLE, &SqlState::T_R_DEADLOCK_DETECTED, &SqlState::T_R_SERIALIZATION_FAILURE]
        .into_iter()
        .any(|state| error.code() == Some(state))
}

/// Growing pauses within a budget.
pub(super) struct Patience {
    since: Instant,
    budget: Duration,
    next: Duration,
}

impl Patience {
    pub(super) fn new(budget: Duration) -> Self {
        Self { since: Instant::now(), budget, next: PAUSE_FIRST }
    }

    /// How long to pause, nothing when the budget is used up.
    fn pause(&mut self) -> Option<Duration> {
        let pause = self.next;
        self.next = (self.next * 2).min(PAUSE_MAX);
        (self.since.elapsed() < self.budget).then_some(pause)
    }

    fn waited_s(&self) -> u64 {
        self.since.elapsed().as_secs()
    }
}
