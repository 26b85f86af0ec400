//! Keeps a build waiting until nothing is there twice.
//!
//! `CREATE UNIQUE INDEX CONCURRENTLY` first waits for every transaction that has written to the table, and takes the
//! snapshot that it builds from the moment the last of them ends. What they have written is in that snapshot, and no
//! search that ended before the build began has seen it: under an application that holds transactions open, such a
//! build meets duplicates every time.
//! <https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY>
//!
//! So one of the transactions that it waits for is ours. It has done nothing but take the lock that a writer takes,
//! which keeps nobody out, and it ends right after a search that found nothing, when all the others have ended.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    Board, MigrateError, Session,
    builds::{CATCH_UP_MAX, MARGIN_S, MARGIN_SHORT_S},
    duplicates::{self, Kinds},
};
use crate::{Connection, error::sentence, sql::render};

/// Between two searches.
const PAUSE: Duration = Duration::from_millis(10);
/// Searches that find something before the build may go on all the same.
const SEARCHES_MAX: u32 = 20;

/// A build that is kept waiting, once it has begun, and the connection that removes duplicates meanwhile.
pub(super) struct Gate {
    /// The session whose transaction the build waits for, until it may go on.
    holder: Option<Connection>,
    remover: Connection,
    builder_pid: i32,
}

impl Gate {
    /// Closes it, for the statement that the session runs next.
    pub(super) async fn close(session: &mut Session<'_>) -> Result<Self, MigrateError> {
        let rows = session.ask("SELECT pg_catalog.pg_backend_pid()", &[]).await?;
        let builder_pid = rows.first().map_or(0, |row| row.get(0));
        let remover = session.another("remover").await?;
        // The observer knows it by its name, and tells nobody to end it.
        let holder = session.another("gate").await?;
        let lock = "LOCK TABLE \"prefix\".phoenix_kit_email_events IN ROW EXCLUSIVE MODE";
        let lock = format!("BEGIN; {}", render(lock, session.prefix));
        holder.client.batch_execute(&lock).await.map_err(|error| session.failed(&error))?;
        Ok(Self { holder: Some(holder), remover, builder_pid })
    }

    /// Removes duplicates until the build is over, and lets it go on when there are none. Says how many went.
    ///
    /// What goes wrong here opens the gate, and else no more than that: the build fails or does not.
    pub(super) async fn tend(mut self, of: &Tended<'_>, over: &AtomicBool) -> u64 {
        let mut removed = 0;
        if let Err(error) = self.search_until(of, over, &mut removed).await {
            tracing::debug!(%error, "duplicates could not be removed beside a build");
        }
        removed
    }

    async fn search_until(
        &mut self,
        of: &Tended<'_>,
        over: &AtomicBool,
        removed: &mut u64,
    ) -> Result<(), MigrateError> {
        let Self { holder, remover, builder_pid } = self;
        let board = Arc::new(Board::default());
        let mut session = Session::new(&mut remover.client, of.address, of.prefix, of.limits, board, of.task);
        let first = duplicates::now(&mut session, MARGIN_S).await?;
        let mut since = first.clone();
        let mut earlier: Option<HashSet<String>> = None;
        let mut searches = 0;
        while !over.load(Ordering::Acquire) {
            let began = Instant::now();
            let next = duplicates::now(&mut session, MARGIN_SHORT_S).await?;
            let found = duplicates::remove_since(&mut session, of.kinds, &since).await?;
            since = next;
            *removed += found;
            if let (Some(open), Some(transaction)) = (&mut earlier, holder.as_ref()) {
                if open.is_empty() && began.elapsed() <= CATCH_UP_MAX {
                    searches += 1;
                    if found == 0 || searches >= SEARCHES_MAX {
                        open_gate(transaction).await;
                        *holder = None;
                    }
                } else if !open.is_empty() {
                    let (_, still) = writers(&mut session, *builder_pid).await?;
                    open.retain(|transaction| still.contains(transaction));
                    // What they wrote is there now, and may be as old as they were.
                    if open.is_empty() {
                        since = first.clone();
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            } else {
                if holder.is_some()
                    && let (true, open) = writers(&mut session, *builder_pid).await?
                {
                    earlier = Some(open);
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }
}

/// What duplicates are removed of, beside a build.
pub(super) struct Tended<'a> {
    pub(super) address: &'a crate::DatabaseAddress,
    pub(super) prefix: &'a crate::Prefix,
    pub(super) limits: super::Limits,
    pub(super) task: (super::super::Step, bool),
    pub(super) kinds: Kinds,
}

async fn open_gate(holder: &Connection) {
    if let Err(error) = holder.client.batch_execute("COMMIT").await {
        tracing::debug!(error = sentence(&error), "the gate's transaction has ended by itself");
    }
}

/// Whether the build waits for writers, and the transactions that have written to the table, but for ours.
async fn writers(
    session: &mut Session<'_>,
    builder_pid: i32,
) -> Result<(bool, HashSet<String>), MigrateError> {
    let rows =
        session.ask(include_str!("../sql/read_writers.sql"), &[&session.prefix.raw(), &builder_pid]).await?;
    let waits = rows.first().is_some_and(|row| row.get(0));
    let open = rows.iter().filter_map(|row| row.get(1)).collect();
    Ok((waits, open))
}
