//! Parked events: looked at, and dropped when somebody says so.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{IngestError, QueryError, Store, sql::Statement};

/// Parked events of one page at most.
pub const PARKED_PAGE_MAX: usize = 500;

/// An event that waits for its mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedEvent {
    /// Its key.
    pub uuid: Uuid,
    /// The id that SES gave the mail.
    pub aws_message_id: String,
    /// As the database spells it: `send`, `delivery`, `bounce`, …
    pub event_type: String,
    /// The event's own JSON.
    pub event_data: String,
    /// When it was parked.
    pub received_at: Timestamp,
}

/// A place in the list of parked events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParkedCursor {
    /// When the event at that place was parked.
    pub received_at: Timestamp,
    /// Its key, which orders those of one time.
    pub uuid: Uuid,
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct ParkedFilter {
    /// The mail that they wait for.
    pub aws_message_id: Option<String>,
    /// The place to begin after; the newest without one.
    pub before: Option<ParkedCursor>,
}

/// Some of the parked events, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedPage {
    /// The events.
    pub events: Vec<ParkedEvent>,
    /// Where the next page begins, if there is one.
    pub next: Option<ParkedCursor>,
}

impl Store {
    /// A page of the parked events that fit, newest first, up to `events_max` and [`PARKED_PAGE_MAX`].
    ///
    /// # Errors
    ///
    /// When the database does not answer in time.
    pub async fn list_parked(
        &self,
        filter: &ParkedFilter,
        events_max: usize,
    ) -> Result<ParkedPage, QueryError> {
        let events_max = events_max.clamp(1, PARKED_PAGE_MAX);
        // Beyond what any row can hold: no clock of PostgreSQL's stands there.
        let newest = ParkedCursor { received_at: Timestamp::MAX, uuid: Uuid::max() };
        let before = filter.before.unwrap_or(newest);
        let rows_max = i64::try_from(events_max + 1).unwrap_or(i64::MAX);
        let client = self.reader().await?;
        let list = client.prepare_cached(self.sql(Statement::ListParked)).await?;
        let rows = client
            .query(&list, &[&before.received_at, &before.uuid, &filter.aws_message_id, &rows_max])
            .await?;
        let mut events = rows.iter().map(ParkedEvent::from_row).collect::<Result<Vec<_>, _>>()?;
        let more = events.len() > events_max;
        events.truncate(events_max);
        let last = events.last().filter(|_| more);
        let next = last.map(|last| ParkedCursor { received_at: last.received_at, uuid: last.uuid });
        Ok(ParkedPage { events, next })
    }

    /// Drops all that waits for the mail with this SES id, for good, and says how many records that were. An event of it
    /// that a feed brings later is parked anew.
    ///
    /// # Errors
    ///
    /// Nothing was dropped then; [`IngestError::Repeat`] asks for the same again.
    pub async fn drop_parked(&self, aws_message_id: &str) -> Result<u64, IngestError> {
        let dropping = async {
            let client = self.writer().await?;
            let statement = client.prepare_cached(self.sql(Statement::DropParked)).await?;
            Ok(client.execute(&statement, &[&aws_message_id]).await?)
        };
        let outcome = self.in_time(dropping).await;
        self.renew_writers_after(&outcome);
        outcome
    }
}

impl ParkedEvent {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            uuid: row.try_get("uuid")?,
            aws_message_id: row.try_get("aws_message_id")?,
            event_type: row.try_get("event_type")?,
            event_data: row.try_get("event_data")?,
            received_at: row.try_get("received_at")?,
        })
    }
}

#[cfg(test)]
mod tests;
