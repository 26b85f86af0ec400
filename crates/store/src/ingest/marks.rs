//! Marks for whoever keeps the sums of figures: when the mails were sent of which a transaction changes what figures are
//! made of; and for the archiver: which mails it changes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::transaction::Writer;
use crate::{IngestError, quarter_start, sql::Statement};

/// Quarters of an hour to count anew, each once; and mails that are not as an archive may have them.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    quarters: BTreeSet<Timestamp>,
    mails: BTreeSet<Uuid>,
}

impl Marks {
    /// A mail that was sent then, or was thought to be, has changed.
    pub(crate) fn add(&mut self, sent_at: Timestamp) {
        self.quarters.insert(quarter_start(sent_at));
    }

    /// A mail has changed in any way, or something that belongs to it.
    pub(crate) fn touch(&mut self, mail: Uuid) {
        self.mails.insert(mail);
    }
}

impl Writer<'_> {
    /// Leaves the marks, to be seen with what was changed. Plain rows in a table without a unique key of theirs: nobody who
    /// stores waits for anybody else.
    pub(crate) async fn mark_figures(&self, marks: Marks) -> Result<(), IngestError> {
        if !marks.mails.is_empty() {
            let mails: Vec<Uuid> = marks.mails.into_iter().collect();
            let mark = self.prepare(Statement::MarkArchivedDue).await?;
            self.transaction.execute(&mark, &[&mails]).await?;
        }
        if marks.quarters.is_empty() {
            return Ok(());
        }
        let quarters: Vec<Timestamp> = marks.quarters.into_iter().collect();
        let mark = self.prepare(Statement::MarkFigures).await?;
        self.transaction.execute(&mark, &[&quarters]).await?;
        Ok(())
    }
}
