//! How far a step is, for whoever waits for it: a watcher in this program, and a table that any session can read.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, task::JoinHandle};
use tokio_postgres::{CancelToken, Client};

use super::super::{MigrateError, Step};
use crate::{Connection, DatabaseAddress, Prefix, error::sentence, sql::render};

/// How often the observer looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often it writes to the table, at most.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// How far a step is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// Whether it goes up or down.
    pub up: bool,
    /// What is being done, as in "removing duplicate events".
    pub phase: String,
    /// How much of the phase is done.
    pub done: u64,
    /// How much there is to do in the phase, where that is known.
    pub total: Option<u64>,
    /// What `done` and `total` count.
    pub unit: &'static str,
    /// Whom it waits for, if it does: a session of the server, in words. Never the text of its statement.
    pub waits_for: Option<String>,
}

impl Progress {
    /// Hundredths done, 100 at most.
    pub fn percent(&self) -> Option<u8> {
        let total = self.total.filter(|total| *total > 0)?;
        u8::try_from(self.done.min(total) * 100 / total).ok()
    }
}

/// Somebody who wants to know how far a step is.
pub trait Watcher: Send + Sync {
    /// Called some times a second while a step runs. Must not block.
    fn report(&self, progress: &Progress);
}

/// Where the migrator writes what it does and the observer reads it.
#[derive(Debug, Default)]
pub(in crate::schema) struct Board {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    progress: Option<Progress>,
    /// How long the statement that runs may wait for other transactions: set for builds, which have no other limit.
    wait_budget: Option<Duration>,
    /// Whom the statement waited for when the observer ended it for its budget.
    gave_up_on: Option<String>,
}

impl Board {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // What a panicking holder leaves is at worst a stale line of progress.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A phase begins.
    pub(in crate::schema) fn begin(
        &self,
        (step, up): (Step, bool),
        phase: impl Into<String>,
        total: Option<u64>,
        unit: &'static str,
    ) {
        let progress = Progress { step, up, phase: phase.into(), done: 0, total, unit, waits_for: None };
        self.change(|state| state.progress = Some(progress));
    }

    /// So much more of the phase is done.
    pub(in crate::schema) fn add(&self, done: u64) {
        self.change(|state| {
            if let Some(progress) = &mut state.progress {
                progress.done += done;
            }
        });
    }

    /// Whom the migrator waits for by itself, between attempts.
    pub(in crate::schema) fn waits_for(&self, whom: Option<String>) {
        self.change(|state| {
            if let Some(progress) = &mut state.progress {
                progress.waits_for = whom;
            }
        });
    }

    /// A statement begins that may wait for other transactions for so long.
    pub(in crate::schema) fn limit_waiting(&self, budget: Duration) {
        self.change(|state| (state.wait_budget, state.gave_up_on) = (Some(budget), None));
    }

    /// The statement has ended. Says whom it waited for, if the observer ended it.
    pub(in crate::schema) fn waiting_is_over(&self) -> Option<String> {
        self.change(|state| {
            state.wait_budget = None;
            state.gave_up_on.take()
        })
    }
}

/// The task that looks at the board and at the server, tells the watcher, writes the table, and ends builds that
/// wait for longer than they may. It has a connection of its own: the migrator's is busy with the very statement
/// that is to be watched.
pub(in crate::schema) struct Observer {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Observer {
    /// Starts it.
    pub(in crate::schema) async fn start(
        address: &DatabaseAddress,
        prefix: &Prefix,
        (migrator, migrator_pid): (CancelToken, i32),
        board: Arc<Board>,
        watcher: Option<Arc<dyn Watcher>>,
    ) -> Result<Self, MigrateError> {
        let connection = connect(address).await?;
        let (stop, stopped) = oneshot::channel();
        let look = Look {
            address: address.clone(),
            connection,
            migrator,
            migrator_pid,
            board,
            watcher,
            write: render(include_str!("../sql/write_progress.sql"), prefix),
            waits_since: None,
            written: None,
        };
        Ok(Self { stop: Some(stop), task: tokio::spawn(look.run(stopped)) })
    }

    /// Writes the last state and ends.
    pub(in crate::schema) async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself, when the server went away.
            let _ = stop.send(());
        }
        // Its own panics are worth no more than a missing line of progress.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connect(address: &DatabaseAddress) -> Result<Connection, MigrateError> {
    let connection = Connection::open(address).await?;
    let settings = "SET application_name = 'aftersend migrate, observer'; SET statement_timeout = '5s'; \
                    SET synchronous_commit = off; SET client_min_messages = 'warning'; \
                    SET idle_session_timeout = 0; SET default_transaction_isolation = 'read committed'";
    connection
        .client
        .batch_execute(settings)
        .await
        .map_err(|error| MigrateError::database("preparing the observer's session", &error))?;
    Ok(connection)
}

struct Look {
    address: DatabaseAddress,
    connection: Connection,
    migrator: CancelToken,
    migrator_pid: i32,
    board: Arc<Board>,
    watcher: Option<Arc<dyn Watcher>>,
    write: String,
    waits_since: Option<Instant>,
    written: Option<(Instant, Progress)>,
}

impl Look {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        loop {
            let stopping = tokio::select! {
                _ = &mut stopped => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            if let Err(error) = self.look(stopping).await {
                // Progress is a comfort; the step goes on without it. Yet nobody else ends a build that waits for ever.
                tracing::debug!(error = sentence(&error), "the progress could not be looked at");
                if error.is_closed()
                    && !stopping
                    && let Ok(connection) = connect(&self.address).await
                {
                    self.connection = connection;
                }
            }
            if stopping {
                return;
            }
        }
    }

    async fn look(&mut self, last: bool) -> Result<(), tokio_postgres::Error> {
        let (progress, budget) = self.board.change(|state| (state.progress.clone(), state.wait_budget));
        let Some(mut progress) = progress else { return Ok(()) };
        if let Some(budget) = budget {
            self.look_at_the_build(&mut progress).await?;
            self.limit(&progress, budget).await?;
        } else {
            self.waits_since = None;
        }
        if let Some(watcher) = &self.watcher {
            watcher.report(&progress);
        }
        let due = match &self.written {
            None => true,
            Some((at, before)) => *before != progress && (last || at.elapsed() >= WRITE_EVERY),
        };
        if due {
            write(&self.connection.client, &self.write, &progress, self.migrator_pid).await?;
            self.written = Some((Instant::now(), progress));
        }
        Ok(())
    }

    /// What the server says about the migrator's statement.
    async fn look_at_the_build(&self, progress: &mut Progress) -> Result<(), tokio_postgres::Error> {
        let row = self
            .connection
            .client
            .query_one(include_str!("../sql/read_build.sql"), &[&self.migrator_pid])
            .await?;
        if let Some(phase) = row.get::<_, Option<&str>>("phase") {
            progress.phase = format!("{}: {phase}", progress.phase);
        }
        if let Some(total) = row.get::<_, Option<i64>>("total").filter(|total| *total > 0) {
            progress.total = u64::try_from(total).ok();
            progress.done = row.get::<_, Option<i64>>("done").and_then(|n| n.try_into().ok()).unwrap_or(0);
            progress.unit = row.get::<_, Option<&str>>("unit").map_or("", unit);
        }
        progress.waits_for = row.get::<_, Option<&str>>("waits_for").map(str::to_owned);
        Ok(())
    }

    /// Ends the migrator's statement when it has waited for long enough.
    async fn limit(&mut self, progress: &Progress, budget: Duration) -> Result<(), tokio_postgres::Error> {
        let Some(whom) = &progress.waits_for else {
            self.waits_since = None;
            return Ok(());
        };
        if self.waits_since.get_or_insert_with(Instant::now).elapsed() < budget {
            return Ok(());
        }
        self.waits_since = None;
        // Only while the statement still runs: the next one must not be hit.
        let ours = self.board.change(|state| {
            let running = state.wait_budget.is_some();
            if running {
                state.gave_up_on = Some(whom.clone());
            }
            running
        });
        if ours {
            self.address.cancel(&self.migrator).await?;
        }
        Ok(())
    }
}

fn unit(name: &str) -> &'static str {
    match name {
        "blocks" => "blocks",
        "rows" => "rows",
        _ => "transactions",
    }
}

async fn write(
    client: &Client,
    statement: &str,
    progress: &Progress,
    pid: i32,
) -> Result<(), tokio_postgres::Error> {
    let direction = if progress.up { "up" } else { "down" };
    let done = i64::try_from(progress.done).unwrap_or(i64::MAX);
    let total = progress.total.map(|total| i64::try_from(total).unwrap_or(i64::MAX));
    client
        .execute(
            statement,
            &[
                &progress.step.name(),
                &direction,
                &progress.phase,
                &done,
                &total,
                &progress.unit,
                &progress.percent().map(i32::from),
                &progress.waits_for,
                &pid,
            ],
        )
        .await
        .map(drop)
}
