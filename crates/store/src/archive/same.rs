//! Mails that are here as they are in the archive, and count as such after this program has compressed or cut them.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::remove::digests;
use crate::{IngestError, Store, sql::Statement};

/// Mails, locked, that are in a proven object of the archive as they are here.
#[derive(Debug, Default)]
pub(crate) struct SameAsArchived {
    digests: HashMap<Uuid, Vec<u8>>,
}

impl SameAsArchived {
    /// Which of these mails, which are locked, that holds for. Those that the archive has otherwise are due there again.
    pub(crate) async fn find(
        store: &Store,
        transaction: &Transaction<'_>,
        mails: &[Uuid],
    ) -> Result<Self, IngestError> {
        let archived = digests(store, transaction, Statement::ArchivedDigests, mails).await?;
        if archived.is_empty() {
            return Ok(Self::default());
        }
        // Whoever locked them may have let others add events. One that came in between two looks at a mail would count as
        // archived, so none may; and where somebody adds one just now, nobody waits for that.
        let mut known: Vec<Uuid> = archived.keys().copied().collect();
        known.sort_unstable();
        let lock = transaction.prepare_cached(store.sql(Statement::LockRemovable)).await?;
        let rows = transaction.query(&lock, &[&known]).await?;
        let locked: Vec<Uuid> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let mut here = digests(store, transaction, Statement::MailDigests, &locked).await?;
        here.retain(|mail, digest| archived.get(mail) == Some(digest));
        let changed: Vec<Uuid> = known.into_iter().filter(|mail| !here.contains_key(mail)).collect();
        if !changed.is_empty() {
            let mark = transaction.prepare_cached(store.sql(Statement::MarkArchivedDue)).await?;
            transaction.execute(&mark, &[&changed]).await?;
        }
        Ok(Self { digests: here })
    }

    pub(crate) fn contains(&self, mail: Uuid) -> bool {
        self.digests.contains_key(&mail)
    }

    /// Notes that these mails, in the same transaction, have become less, or stand elsewhere, by what this program did: the
    /// archive has all of them, and they need not go there again.
    pub(crate) async fn note(
        &self,
        store: &Store,
        transaction: &Transaction<'_>,
        changed: &[Uuid],
    ) -> Result<(), IngestError> {
        let changed: Vec<Uuid> = changed.iter().copied().filter(|mail| self.contains(*mail)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let here = digests(store, transaction, Statement::MailDigests, &changed).await?;
        let (mut mails, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
        for (mail, digest) in &here {
            let Some(was) = self.digests.get(mail) else { continue };
            mails.push(*mail);
            before.push(was.as_slice());
            after.push(digest.as_slice());
        }
        let note = transaction.prepare_cached(store.sql(Statement::NoteDigests)).await?;
        transaction.execute(&note, &[&mails, &before, &after]).await?;
        Ok(())
    }
}
