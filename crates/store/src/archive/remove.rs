//! Mails leave: those that are here as they are in the archive.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    IngestError, QueryError, Store,
    error::is_refusal,
    sql::Statement,
    statistics::removed::{self, Way},
};

/// Mails that leave in one transaction at most: as many as take a fraction of a second.
pub const REMOVED_MAILS_MAX: usize = 200;

/// A mail that somebody brought back stays for so long. Who asked for it wants to look at it.
const RESTORED_STAYS_DAYS: i32 = 30;

/// A mail that is here, and in an object that is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removable {
    /// The object.
    pub object: i64,
    /// The mail.
    pub mail: Uuid,
}

/// What became of mails that were to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoveReport {
    /// They are gone.
    pub removed: usize,
    /// They are not as they went to the archive, and stay for the next run.
    pub changed: usize,
    /// Somebody else holds them, or has removed them.
    pub skipped: usize,
    /// A table of an application's refers to them, or a trigger keeps them.
    pub refused: usize,
}

impl std::ops::AddAssign for RemoveReport {
    fn add_assign(&mut self, other: Self) {
        self.removed += other.removed;
        self.changed += other.changed;
        self.skipped += other.skipped;
        self.refused += other.refused;
    }
}

impl Store {
    /// The next mails that are here, sent before a time, and in proven objects: up to [`REMOVED_MAILS_MAX`], in the order of
    /// objects and keys.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find_removable(
        &self,
        before: Timestamp,
        after: Option<Removable>,
    ) -> Result<Vec<Removable>, QueryError> {
        let client = self.reader().await?;
        let find = client.prepare_cached(self.sql(Statement::FindRemovable)).await?;
        let (mail, object) = after.map_or((Uuid::nil(), 0), |after| (after.mail, after.object));
        let rows_max = i64::try_from(REMOVED_MAILS_MAX).unwrap_or(i64::MAX);
        let rows = client.query(&find, &[&mail, &object, &rows_max, &before, &RESTORED_STAYS_DAYS]).await?;
        let removable =
            |row: &tokio_postgres::Row| Ok(Removable { object: row.try_get(0)?, mail: row.try_get(1)? });
        Ok(rows.iter().map(removable).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// Removes these mails, up to [`REMOVED_MAILS_MAX`], in one transaction: those that are as they went to the archive. Each
    /// leaves its tombstones, and its figures stay.
    ///
    /// Cancel-safe: what was not committed is here.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to. Then all of them are here.
    pub async fn remove_archived(&self, mails: &[Removable]) -> Result<RemoveReport, IngestError> {
        let uuids: Vec<Uuid> = mails.iter().map(|mail| mail.mail).collect();
        let mut parts: Vec<&[Uuid]> = vec![&uuids];
        let mut report = RemoveReport::default();
        while let Some(part) = parts.pop() {
            let done = self.in_time(Box::pin(self.try_remove(part))).await;
            self.renew_writers_after(&done);
            match done? {
                Some(done) => report += done,
                // One of them is held by an application's table; the others need not wait for that.
                None if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                None => report.refused += 1,
            }
        }
        self.close_objects(mails).await?;
        Ok(report)
    }

    /// Nothing where a table or a trigger of an application's keeps one of them.
    async fn try_remove(&self, mails: &[Uuid]) -> Result<Option<RemoveReport>, IngestError> {
        let mut client = self.writer().await?;
        let transaction = client.build_transaction().start().await?;
        let lock = transaction.prepare_cached(self.sql(Statement::LockRemovable)).await?;
        let rows = transaction.query(&lock, &[&mails]).await?;
        let locked: Vec<Uuid> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        // Now nobody can change them or add to them, so what is read now is what would be lost.
        let archived = digests(self, &transaction, Statement::ArchivedDigests, &locked).await?;
        let same = unchanged(self, &transaction, &archived, &locked).await?;
        let in_archive = locked.iter().filter(|mail| archived.contains_key(*mail)).count();
        let report = RemoveReport {
            removed: same.len(),
            changed: in_archive - same.len(),
            skipped: mails.len() - in_archive,
            refused: 0,
        };
        let is_changed = |mail: &&Uuid| archived.contains_key(*mail) && !same.contains(*mail);
        let changed: Vec<Uuid> = locked.iter().filter(is_changed).copied().collect();
        if !changed.is_empty() {
            // What changed them may have left their update times as they were.
            let due = transaction.prepare_cached(self.sql(Statement::MarkChanged)).await?;
            transaction.execute(&due, &[&changed]).await?;
        }
        if same.is_empty() {
            transaction.commit().await?;
            return Ok(Some(report));
        }
        removed::record(self, &transaction, &same, Way::Out).await?;
        let rows_of = |statement| transaction.prepare_cached(self.sql(statement));
        let noted = transaction.execute(&rows_of(Statement::NoteRemoved).await?, &[&same]).await?;
        transaction.execute(&rows_of(Statement::LeaveTombstones).await?, &[&same]).await?;
        transaction.execute(&rows_of(Statement::RemoveRowsOf137).await?, &[&same]).await?;
        let remove = rows_of(Statement::RemoveMails).await?;
        let gone = match transaction.execute(&remove, &[&same]).await {
            // Rolled back at once: the halves pass over what is locked.
            Err(error) if is_refusal(&error) => return Ok(transaction.rollback().await.map(|()| None)?),
            gone => gone?,
        };
        // A trigger may have kept a row without a word; then nothing of it may be gone either.
        if [noted, gone].iter().any(|rows| usize::try_from(*rows) != Ok(same.len())) {
            transaction.rollback().await?;
            return Ok(None);
        }
        match transaction.commit().await {
            // A constraint that is looked at in the end only.
            Err(error) if is_refusal(&error) => Ok(None),
            committed => committed.map(|()| Some(report)).map_err(IngestError::from),
        }
    }

    /// Objects of which no mail is here any more are closed.
    async fn close_objects(&self, mails: &[Removable]) -> Result<(), IngestError> {
        let mut objects: Vec<i64> = mails.iter().map(|mail| mail.object).collect();
        objects.dedup();
        self.in_time(async {
            let client = self.writer().await?;
            let close = client.prepare_cached(self.sql(Statement::CloseArchiveObjects)).await?;
            client.execute(&close, &[&objects]).await?;
            Ok(())
        })
        .await
    }
}

async fn unchanged(
    store: &Store,
    transaction: &Transaction<'_>,
    archived: &HashMap<Uuid, Vec<u8>>,
    mails: &[Uuid],
) -> Result<Vec<Uuid>, IngestError> {
    let here = digests(store, transaction, Statement::MailDigests, mails).await?;
    let is_same = |mail: &&Uuid| archived.contains_key(*mail) && archived.get(*mail) == here.get(*mail);
    Ok(mails.iter().filter(is_same).copied().collect())
}

pub(super) async fn digests(
    store: &Store,
    transaction: &Transaction<'_>,
    statement: Statement,
    mails: &[Uuid],
) -> Result<HashMap<Uuid, Vec<u8>>, IngestError> {
    let read = transaction.prepare_cached(store.sql(statement)).await?;
    let rows = transaction.query(&read, &[&mails]).await?;
    let digest = |row: &tokio_postgres::Row| Ok((row.try_get("uuid")?, row.try_get("digest")?));
    Ok(rows.iter().map(digest).collect::<Result<_, tokio_postgres::Error>>()?)
}
