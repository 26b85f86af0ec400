//! Builds indexes that keep no writer out, also where writers go on writing duplicates into a unique one.
//!
//! A build that fails leaves its index behind, invalid. Before it was *ready* nobody has to keep it up to date, and
//! it is dropped. From then on every writer does, and is refused what is in it already: such an index stays, since
//! no further duplicate can come, and is built again beside itself by `REINDEX … CONCURRENTLY`.
//! <https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY>

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::{
    super::{
        MigrateError,
        catalog::FoundIndex,
        contract::{Index, quoted},
    },
    Patience, Session,
    duplicates::{self, Kinds, Moment},
    gate::{Gate, Tended},
};
use crate::Prefix;

/// A search for new duplicates that takes no longer than this leaves so few new ones behind that a build may do.
pub(super) const CATCH_UP_MAX: Duration = Duration::from_millis(50);
/// Searches in a row before a build at most.
const CATCH_UPS_MAX: u32 = 6;
/// How far back clocks may differ between the search for duplicates and what is written at the same time.
pub(in crate::schema) const MARGIN_S: f64 = 120.0;
/// The same within seconds of the last search, which has seen all but the last moment.
pub(super) const MARGIN_SHORT_S: f64 = 1.0;
/// Every so many failed builds the whole table is searched again.
const SEARCH_ALL_EVERY: u32 = 3;

/// What is there where an index should be.
pub(in crate::schema) enum Standing {
    /// It is there and in use, under this name.
    Valid(String),
    /// Somebody builds it right now, or another one on its table.
    BeingBuilt(String),
    /// It failed after it was ready, and refuses duplicates.
    Ready,
    /// What failed builds left, by name.
    LeftOvers(Vec<String>),
    /// Nothing.
    Absent,
}

/// Builds an index that any rows may go into.
pub(in crate::schema) async fn build(
    session: &mut Session<'_>,
    index: &'static Index,
    trigrams: &str,
) -> Result<(), MigrateError> {
    while !clear_the_place(session, index).await? {
        session.phase(format!("building {}", index.name), None, "blocks");
        let create = index.create_sql(session.prefix, trigrams, true);
        match session.waiting(&create).await? {
            Ok(()) => {}
            // Two that wait for each other: one of them is broken off, and comes again.
            Err(error) if error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) => {}
            Err(error) => return Err(session.failed(&error)),
        }
    }
    Ok(())
}

/// Builds a unique index on events. `since` is when the search for duplicates began that has just been through the
/// whole table. Says how many more duplicates went.
///
/// Duplicates that come between the last search and the build make it fail. So the searches go on until one takes
/// next to no time, and the build follows at once; what it fails on is removed, and it is tried again.
pub(in crate::schema) async fn build_unique(
    session: &mut Session<'_>,
    index: &'static Index,
    kinds: Kinds,
    mut since: Moment,
) -> Result<u64, MigrateError> {
    let mut removed = 0;
    let mut failures = 0;
    while !clear_the_place(session, index).await? {
        let ready = matches!(standing(session, index).await?, Standing::Ready);
        session.phase("removing new duplicate events", None, "events");
        removed += catch_up(session, kinds, &mut since).await?;
        session.phase(format!("building {}", index.name), None, "blocks");
        let statement = if ready {
            rebuild_sql(session.prefix, index)
        } else {
            index.create_sql(session.prefix, "", true)
        };
        let (answer, beside) = build_gated(session, &statement, kinds).await?;
        removed += beside;
        let Err(error) = answer else { continue };
        match error.code() {
            Some(&SqlState::T_R_DEADLOCK_DETECTED) => continue,
            Some(&SqlState::UNIQUE_VIOLATION) => {}
            _ => return Err(session.failed(&error)),
        }
        failures += 1;
        if failures >= session.limits.tries_max {
            return Err(MigrateError::NeverUnique { index: index.name, tries: failures });
        }
        session.phase("removing the duplicates that a build met", None, "events");
        if let Some(mail) = mail_of(&error) {
            removed += duplicates::remove_of_mail(session, kinds, mail).await?;
        }
        if failures % SEARCH_ALL_EVERY == 0 {
            since = duplicates::now(session, MARGIN_S).await?;
            removed += duplicates::remove_all(session, kinds).await?;
        }
    }
    Ok(removed)
}

/// Builds an index while duplicates go on being removed. Says how many went.
async fn build_gated(
    session: &mut Session<'_>,
    statement: &str,
    kinds: Kinds,
) -> Result<(Result<(), tokio_postgres::Error>, u64), MigrateError> {
    let gate = match Gate::close(session).await {
        Ok(gate) => gate,
        // A server with no connection left: the build may meet duplicates, and is tried again then.
        Err(MigrateError::Connect(_)) => return Ok((session.waiting(statement).await?, 0)),
        Err(error) => return Err(error),
    };
    let Session { address, prefix, limits, task, .. } = *session;
    let tended = Tended { address, prefix, limits, task, kinds };
    let over = AtomicBool::new(false);
    let build = async {
        let answer = session.waiting(statement).await;
        over.store(true, Ordering::Release);
        answer
    };
    let (answer, removed) = tokio::join!(build, gate.tend(&tended, &over));
    Ok((answer?, removed))
}

/// Removes what has come since, until that takes next to no time.
async fn catch_up(session: &mut Session<'_>, kinds: Kinds, since: &mut Moment) -> Result<u64, MigrateError> {
    let mut removed = 0;
    for _ in 0..CATCH_UPS_MAX {
        let next = duplicates::now(session, MARGIN_SHORT_S).await?;
        let began = Instant::now();
        removed += duplicates::remove_since(session, kinds, since).await?;
        *since = next;
        if began.elapsed() <= CATCH_UP_MAX {
            break;
        }
    }
    Ok(removed)
}

/// The mail whose events a build met twice, from the values in the server's message: `Key (email_log_uuid, …)=(…)`.
/// Whatever its language, the first value is the mail's uuid.
fn mail_of(error: &tokio_postgres::Error) -> Option<Uuid> {
    let detail = error.as_db_error()?.detail()?;
    let (_, values) = detail.split_once("=(")?;
    values.get(..36)?.parse().ok()
}

/// Makes room for a build. Says whether there is nothing to build: the index is there.
async fn clear_the_place(session: &mut Session<'_>, index: &'static Index) -> Result<bool, MigrateError> {
    let mut patience = Patience::new(session.limits.wait_budget);
    loop {
        match standing(session, index).await? {
            Standing::Valid(name) if name == index.name => return Ok(true),
            Standing::Valid(name) => {
                session.guarded(&[index.table], &rename_sql(session.prefix, &name, index)).await?;
            }
            Standing::BeingBuilt(by) => wait_for(session, &mut patience, index, by).await?,
            Standing::LeftOvers(names) => {
                for name in names {
                    drop_concurrently(session, &name).await?;
                }
            }
            Standing::Ready | Standing::Absent => return Ok(false),
        }
    }
}

/// Waits a while for a build of somebody's on the index's table, within the budget.
async fn wait_for(
    session: &Session<'_>,
    patience: &mut Patience,
    index: &Index,
    by: String,
) -> Result<(), MigrateError> {
    session.phase(format!("waiting for somebody's build on {}", index.table), None, "blocks");
    let Some(pause) = patience.pause() else {
        return Err(MigrateError::Waited {
            step: session.task.0,
            whom: by,
            budget_s: session.limits.wait_budget.as_secs(),
        });
    };
    session.board.waits_for(Some(by));
    tokio::time::sleep(pause).await;
    Ok(())
}

/// Who builds an index on the same table. A statement of ours that waited for that table's lock would be waited for by
/// the build as a transaction older than itself: a deadlock, which the server ends by ending either.
fn builder_beside(found: &[FoundIndex], index: &Index) -> Option<String> {
    let pid = found.iter().filter(|found| found.table == index.table).find_map(|found| found.builder)?;
    Some(format!("process {pid} of the server, which builds an index on {}", index.table))
}

/// Drops an index of the contract's, when nobody builds one on its table.
pub(in crate::schema) async fn drop(
    session: &mut Session<'_>,
    index: &'static Index,
) -> Result<(), MigrateError> {
    let mut patience = Patience::new(session.limits.wait_budget);
    while let Some(by) = builder_beside(&session.indexes().await?, index) {
        wait_for(session, &mut patience, index, by).await?;
    }
    drop_concurrently(session, index.name).await
}

/// Drops an index without keeping anybody out.
async fn drop_concurrently(session: &mut Session<'_>, name: &str) -> Result<(), MigrateError> {
    session.phase(format!("dropping {name}"), None, "transactions");
    let statement = drop_sql(session.prefix, name);
    loop {
        match session.waiting(&statement).await? {
            Ok(()) => return Ok(()),
            Err(error) if error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) => {}
            Err(error) => return Err(session.failed(&error)),
        }
    }
}

/// Drops an index without keeping anybody out.
pub(in crate::schema) fn drop_sql(prefix: &Prefix, name: &str) -> String {
    format!("DROP INDEX CONCURRENTLY IF EXISTS {}.{}", prefix.quoted(), quoted(name))
}

/// Gives an index that does the same its name: by that `PhoenixKit` tells a repeat from an error.
pub(in crate::schema) fn rename_sql(prefix: &Prefix, from: &str, index: &Index) -> String {
    format!("ALTER INDEX {}.{} RENAME TO {}", prefix.quoted(), quoted(from), index.name)
}

/// Builds an index again that refuses duplicates already.
pub(in crate::schema) fn rebuild_sql(prefix: &Prefix, index: &Index) -> String {
    format!("REINDEX INDEX CONCURRENTLY {}.{}", prefix.quoted(), index.name)
}

async fn standing(session: &mut Session<'_>, index: &'static Index) -> Result<Standing, MigrateError> {
    Ok(Standing::of(index, &session.indexes().await?))
}

impl Standing {
    /// Which of them it is, by what is there.
    pub(in crate::schema) fn of(index: &Index, found: &[FoundIndex]) -> Self {
        let alike: Vec<&FoundIndex> = found.iter().filter(|found| index.matches(found).is_ok()).collect();
        let is_there =
            alike.iter().any(|found| found.name == index.name) && alike.iter().all(|found| found.valid);
        if let (Some(by), false) = (builder_beside(found, index), is_there) {
            return Self::BeingBuilt(by);
        }
        let valid = alike.iter().find(|found| found.valid && found.name == index.name);
        let valid = valid.or_else(|| alike.iter().find(|found| found.valid));
        // One that refuses duplicates already is worth keeping only as long as there is none that is whole.
        let keeps = |found: &FoundIndex| {
            found.valid || (valid.is_none() && index.unique && found.ready && found.name == index.name)
        };
        let left_over: Vec<String> =
            alike.iter().filter(|found| !keeps(found)).map(|found| found.name.clone()).collect();
        if !left_over.is_empty() {
            Self::LeftOvers(left_over)
        } else if let Some(valid) = valid {
            Self::Valid(valid.name.clone())
        } else if alike.is_empty() {
            Self::Absent
        } else {
            Self::Ready
        }
    }
}
