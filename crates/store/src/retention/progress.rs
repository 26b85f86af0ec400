//! How far what is deleted after some time has been looked for, and what comes in behind that.
//!
//! Events are gone through by the time at which they occurred, and what was gone through is not looked at again, but for
//! [`EVENT_LATE_MAX`] of it: events come late, and no later than that. Others come much later: with a mail that is brought
//! back from the archive, out of a file of last year, with a repeat that tells again what was forgotten. Whoever writes such
//! events takes the progress back to before the earliest of them, in the same transaction.
//!
//! A pruner must not pass the place of an event that it can't see yet, and write afterwards that all is done up to there. So
//! each of its rounds locks the table against those who take progress back: none of them is about to commit while it
//! looks, and whoever comes after it reads what it has written. And it raises only what it has read or written itself.

use std::time::Duration;

use deadpool_postgres::Transaction;
use jiff::Timestamp;

use super::{BEGINNING, EVENT_LATE_MAX, PrunedKind};
use crate::{IngestError, Store, ingest::transaction::Writer, sql::Statement};

/// How old an event is that may stand behind what was gone through. A week less than [`EVENT_LATE_MAX`], for clocks that
/// differ and for runs that take long.
const MAY_BE_BEHIND_AFTER: Duration = Duration::from_hours(30 * 24);

/// How far before the earliest event progress is taken back. Files are also read from the newest event to the oldest, and not
/// each batch of them should write a row that the next one waits for.
const TAKEN_BACK_FURTHER: Duration = EVENT_LATE_MAX;

/// When the earliest of the events occurred that a transaction has written: to be given to who commits it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "what stands behind what was pruned is to be told before the commit"]
pub(crate) struct Earliest(Option<Timestamp>);

impl Earliest {
    pub(crate) fn of(times: impl IntoIterator<Item = Timestamp>) -> Self {
        Self(times.into_iter().min())
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self::of(self.0.into_iter().chain(other.0))
    }
}

/// How far a run begins, and as which version of the row it has read that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    /// From when on events are to be looked for.
    pub(super) since: Timestamp,
    pub(super) version: Option<i64>,
}

fn may_be_behind(at: Timestamp) -> bool {
    Duration::try_from(Timestamp::now().duration_since(at)).is_ok_and(|age| age > MAY_BE_BEHIND_AFTER)
}

/// Takes the progress of all kinds back to before these events, if any of them is old. The last thing before the commit: the
/// rows are everybody's, and whoever waits for one of them waits for nothing but a commit.
pub(crate) async fn tell_pruner(
    store: &Store,
    transaction: &Transaction<'_>,
    earliest: Earliest,
) -> Result<(), IngestError> {
    let Some(earliest) = earliest.0.filter(|at| may_be_behind(*at)) else {
        return Ok(());
    };
    // A look that is under way may be past these events already. It ends first, and what it writes is seen then.
    let hold = transaction.prepare_cached(store.sql(Statement::HoldDone)).await?;
    transaction.execute(&hold, &[]).await?;
    let take_back = transaction.prepare_cached(store.sql(Statement::TakeBackDone)).await?;
    transaction.execute(&take_back, &[&earliest, &TAKEN_BACK_FURTHER.as_secs_f64()]).await?;
    Ok(())
}

impl Writer<'_> {
    /// Commits a transaction that has written events.
    pub(crate) async fn commit_events(self, earliest: Earliest) -> Result<(), IngestError> {
        tell_pruner(self.store, &self.transaction, earliest).await?;
        Ok(self.transaction.commit().await?)
    }

    /// Waits for all who are about to commit old events, and lets others wait until this transaction ends.
    pub(super) async fn lock_done(&self) -> Result<(), IngestError> {
        let lock = self.prepare(Statement::LockDone).await?;
        self.transaction.execute(&lock, &[]).await?;
        Ok(())
    }

    /// From when on events of this kind are to be looked for: what came in late may stand before what is done.
    pub(super) async fn read_done(&self, kind: PrunedKind) -> Result<Done, IngestError> {
        let read = self.prepare(Statement::ReadDone).await?;
        let row = self.transaction.query_opt(&read, &[&kind.name(), &EVENT_LATE_MAX.as_secs_f64()]).await?;
        let Some(row) = row else { return Ok(Done { since: BEGINNING.at, version: None }) };
        Ok(Done { since: row.try_get("since")?, version: Some(row.try_get("version")?) })
    }

    /// Notes that all events before `done` are done, unless the row is no more the one of this version. Gives its version.
    pub(super) async fn write_done(
        &self,
        kind: PrunedKind,
        done: Timestamp,
        version: Option<i64>,
    ) -> Result<Option<i64>, IngestError> {
        let write = self.prepare(Statement::WriteDone).await?;
        let row = self.transaction.query_opt(&write, &[&kind.name(), &done, &version]).await?;
        Ok(row.map(|row| row.try_get("version")).transpose()?.or(version))
    }
}

#[cfg(test)]
mod tests;
