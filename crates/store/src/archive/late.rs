//! Late events on their way into the archive, or to their mail once it is back.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{ObjectFacts, objects::verified};
use crate::{IngestError, QueryError, Store, ingest::late, sql::Statement};

/// Late events of one look at most.
pub const LATE_PAGE_MAX: usize = 500;

/// An event that came when its mail was in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateEvent {
    /// Its mail.
    pub mail: Uuid,
    /// Its key among those of the mail.
    pub record: Uuid,
    /// Which occurrence it is.
    pub fingerprint: Uuid,
    /// The SES id that it names.
    pub aws_message_id: String,
    /// Its JSON.
    pub event_data: String,
    /// When it came.
    pub received_at: Timestamp,
}

impl LateEvent {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            mail: row.try_get("email_log_uuid")?,
            record: row.try_get("record")?,
            fingerprint: row.try_get("fingerprint")?,
            aws_message_id: row.try_get("aws_message_id")?,
            event_data: row.try_get("event_data")?,
            received_at: row.try_get("received_at")?,
        })
    }
}

impl Store {
    /// The next late events, up to [`LATE_PAGE_MAX`], by mail.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn late_events(&self, after: Option<(Uuid, Uuid)>) -> Result<Vec<LateEvent>, QueryError> {
        let client = self.reader().await?;
        let list = client.prepare_cached(self.sql(Statement::LatePage)).await?;
        let (mail, record) = after.unwrap_or_default();
        let rows_max = i64::try_from(LATE_PAGE_MAX).unwrap_or(i64::MAX);
        let rows = client.query(&list, &[&mail, &record, &rows_max]).await?;
        Ok(rows.iter().map(LateEvent::from_row).collect::<Result<_, _>>()?)
    }

    /// Writes down that an object of late events is proven; these leave the database. Says whether it is so, as
    /// [`prove_mails_object`](Self::prove_mails_object) does.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to: then nothing is written down.
    pub async fn prove_late_object(
        &self,
        number: i64,
        facts: &ObjectFacts,
        events: &[(Uuid, Uuid)],
    ) -> Result<bool, IngestError> {
        self.in_time(async {
            let mut client = self.writer().await?;
            let transaction = client.build_transaction().start().await?;
            let verify = transaction.prepare_cached(self.sql(Statement::VerifyArchiveObject)).await?;
            if !verified(&transaction, &verify, number, facts).await? {
                return Ok(false);
            }
            let (mails, records): (Vec<Uuid>, Vec<Uuid>) = events.iter().copied().unzip();
            let lock = transaction.prepare_cached(self.sql(Statement::LockTombstones)).await?;
            transaction.query(&lock, &[&mails]).await?;
            let note = transaction.prepare_cached(self.sql(Statement::NoteLate)).await?;
            transaction.execute(&note, &[&number, &mails, &records]).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Stores late events with their mails, where these are here; those whose mails are not are left out. Says how many
    /// were.
    ///
    /// Nothing is blocked: that was done when they came, and may have been undone by a person since.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to: then nothing was stored of up to
    /// [`LATE_PAGE_MAX`] events.
    pub async fn join_late(&self, events: &[LateEvent]) -> Result<usize, IngestError> {
        let mut joined = 0;
        for part in events.chunks(LATE_PAGE_MAX) {
            let done = late::join(self, part).await;
            self.renew_writers_after(&done);
            joined += done?;
        }
        Ok(joined)
    }

    /// Stores what is kept here of late events of mails that are back. Says how many were.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to. What was not stored is still kept.
    pub async fn join_waiting(&self) -> Result<usize, IngestError> {
        let mut joined = 0;
        let mut after = (Uuid::nil(), Uuid::nil());
        loop {
            let events = self.in_time(self.waiting(after)).await?;
            let Some(last) = events.last() else { return Ok(joined) };
            after = (last.mail, last.record);
            joined += self.join_late(&events).await?;
        }
    }

    async fn waiting(&self, after: (Uuid, Uuid)) -> Result<Vec<LateEvent>, IngestError> {
        let client = self.writer().await?;
        let list = client.prepare_cached(self.sql(Statement::LateOfMailsHere)).await?;
        let rows_max = i64::try_from(LATE_PAGE_MAX).unwrap_or(i64::MAX);
        let rows = client.query(&list, &[&after.0, &after.1, &rows_max]).await?;
        Ok(rows.iter().map(LateEvent::from_row).collect::<Result<_, _>>()?)
    }
}
