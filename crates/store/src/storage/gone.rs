//! Mails that are not here any more: in the archive, deleted or erased.

use jiff::Timestamp;

use super::{Estimate, TableSizes, count};
use crate::{QueryError, Store, sql::Statement};

/// What is known here of mails that went, or may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GoneMails {
    /// In the archive and not here.
    pub archived: Estimate,
    /// In the archive, and here.
    pub archived_and_here: Estimate,
    /// SES ids of mails that are in the archive alone.
    pub archived_ids: Estimate,
    /// SES ids of mails that were deleted as old ones are.
    pub deleted_ids: Estimate,
    /// SES ids of mails that were erased for a person's sake.
    pub erased_ids: Estimate,
    /// Events that came when their mails were in the archive, and wait for the next object.
    pub late_events: Estimate,
}

/// What the objects of the archive hold, as far as the database knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchiveSums {
    /// Objects that were read back and are as they were sent.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What these are, decompressed.
    pub content_bytes: u64,
    /// Events in them.
    pub events: u64,
    /// When the first and the last of their mails were sent.
    pub first_sent_at: Option<Timestamp>,
    /// As above.
    pub last_sent_at: Option<Timestamp>,
    /// Objects that were begun and never proven, or given up and perhaps still there.
    pub leftovers: u64,
}

impl Store {
    /// How many mails are not here any more, and why; told by a sample where there are many.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn gone_mails(&self, sizes: &TableSizes) -> Result<GoneMails, QueryError> {
        let client = self.reader().await?;
        let (ids, mails) = (sizes.sample("aftersend_ids"), sizes.sample("aftersend_archived_mails"));
        let late = sizes.table("aftersend_late_events").rows;
        let sample = client.prepare_cached(self.sql(Statement::SampleGone)).await?;
        let late_percent = late.sample().percent;
        let found = client.query_one(&sample, &[&ids.percent, &mails.percent, &late_percent]).await?;
        let number = |name| count(&found, name);
        let ids_looked_at = number("archived")? + number("deleted")? + number("erased")? + number("others")?;
        let mails_looked_at = number("gone")? + number("here")?;
        let of_ids = |name| Ok::<_, tokio_postgres::Error>(ids.whole(number(name)?, ids_looked_at));
        let of_mails = |name| Ok::<_, tokio_postgres::Error>(mails.whole(number(name)?, mails_looked_at));
        let late_found = number("late")?;
        Ok(GoneMails {
            archived: of_mails("gone")?,
            archived_and_here: of_mails("here")?,
            archived_ids: of_ids("archived")?,
            deleted_ids: of_ids("deleted")?,
            erased_ids: of_ids("erased")?,
            late_events: late.sample().whole(late_found, late_found),
        })
    }

    /// What the objects of the archive hold.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archive_sums(&self) -> Result<ArchiveSums, QueryError> {
        let client = self.reader().await?;
        let sum = client.prepare_cached(self.sql(Statement::SumArchiveObjects)).await?;
        let row = client.query_one(&sum, &[]).await?;
        Ok(ArchiveSums {
            objects: count(&row, "objects")?,
            bytes: count(&row, "bytes")?,
            content_bytes: count(&row, "content_bytes")?,
            events: count(&row, "events")?,
            first_sent_at: row.try_get("first_sent_at")?,
            last_sent_at: row.try_get("last_sent_at")?,
            leftovers: count(&row, "leftovers")?,
        })
    }
}
