//! The quarantine as people and replays use it: listed, looked up, read, dropped. Feeds put messages in by
//! [`Batch::poisons`](crate::Batch::poisons).

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    IngestError, QueryError, Store,
    ingest::facts::storable,
    search::{like_pattern, rows_max},
    sql::Statement,
};

/// Messages on one page of the quarantine at most, and messages that are dropped or marked at once.
pub const QUARANTINE_PAGE_MAX: usize = 500;

/// Bytes of bodies that are read at once: no further body is read once those before it have as many.
pub const QUARANTINE_READ_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Digits of an id that name a message at least: fewer are rather a slip.
const ID_DIGITS_MIN: usize = 4;

/// Digits of a whole id.
const ID_DIGITS: usize = 32;

/// A message in the quarantine, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its name, made when it first came.
    pub uuid: Uuid,
    /// The body's length in bytes, as far as it was kept.
    pub body_bytes: u64,
    /// Why it is here, without quoting it.
    pub reason: String,
    /// The kind of feed that delivered it first: `file`, `sqs`.
    pub feed: String,
    /// Where in that feed it stood.
    pub origin: String,
    /// How often feeds delivered a message with this body.
    pub times_received: u64,
    /// When it came first, by the database's clock.
    pub first_received_at: Timestamp,
    /// When it came last.
    pub last_received_at: Timestamp,
}

/// A message in the quarantine with its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedMessage {
    /// What is known of it.
    pub about: Quarantined,
    /// Its bytes as they were received; the first of them, where the message was longer than a message may be.
    pub body: Vec<u8>,
}

/// Which messages of the quarantine. All, unless something is named.
#[derive(Clone, Debug, Default)]
pub struct QuarantineFilter {
    /// Only those that this kind of feed delivered first.
    pub feed: Option<String>,
    /// Only those whose reason has this part, in any case; up to [`SEARCH_TEXT_CHARS_MAX`](crate::SEARCH_TEXT_CHARS_MAX).
    pub reason: Option<String>,
    /// Only these.
    pub uuids: Option<Vec<Uuid>>,
}

/// One page of the quarantine.
#[derive(Clone, Debug, Default)]
pub struct QuarantinePage {
    /// Newest first.
    pub messages: Vec<Quarantined>,
    /// Whether there are older ones.
    pub more: bool,
}

/// How full the quarantine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuarantineSize {
    /// Messages, each body once.
    pub messages: u64,
    /// When the oldest of them came first.
    pub oldest_received_at: Option<Timestamp>,
}

/// What a message of the quarantine is called: its uuid, or the first digits of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarantineId {
    first: Uuid,
    last: Uuid,
}

/// A text that can't name a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is a uuid as `aftersend quarantine list` shows it, or its first digits: {min} at least", min = ID_DIGITS_MIN)]
pub struct BadQuarantineId;

impl QuarantineId {
    /// The smallest uuid that begins so. Messages that are older than the one of that id have smaller ones.
    pub fn first(self) -> Uuid {
        self.first
    }
}

impl FromStr for QuarantineId {
    type Err = BadQuarantineId;

    fn from_str(text: &str) -> Result<Self, BadQuarantineId> {
        let digits: String = text.chars().filter(|&character| character != '-').collect();
        let well_formed = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !well_formed || !(ID_DIGITS_MIN..=ID_DIGITS).contains(&digits.len()) {
            return Err(BadQuarantineId);
        }
        let filled =
            |fill| Uuid::try_parse(&format!("{digits}{}", str::repeat(fill, ID_DIGITS - digits.len())));
        match (filled("0"), filled("f")) {
            (Ok(first), Ok(last)) => Ok(Self { first, last }),
            _ => Err(BadQuarantineId),
        }
    }
}

impl From<Uuid> for QuarantineId {
    fn from(uuid: Uuid) -> Self {
        Self { first: uuid, last: uuid }
    }
}

impl fmt::Display for QuarantineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.first.simple().to_string(), self.last.simple().to_string());
        let same = first.bytes().zip(last.bytes()).take_while(|(first, last)| first == last).count();
        f.write_str(&first[..same])
    }
}

/// What an id leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuarantineMatch {
    /// One message.
    One(Quarantined),
    /// None has it.
    None,
    /// Several begin so.
    Several,
}

impl Store {
    /// A page of the messages that fit and are older than `before`, newest first, up to `messages_max` and
    /// [`QUARANTINE_PAGE_MAX`]; without `before` it begins at the newest. What comes in meanwhile is newer than any page.
    ///
    /// # Errors
    ///
    /// When the reason is too long, when the search takes longer than its time budget, or when the database does not
    /// answer.
    pub async fn list_quarantine(
        &self,
        filter: &QuarantineFilter,
        before: Option<Uuid>,
        messages_max: usize,
    ) -> Result<QuarantinePage, QueryError> {
        let messages_max = messages_max.clamp(1, QUARANTINE_PAGE_MAX);
        let Terms { before, feed, reason } = Terms::of(filter, before)?;
        let client = self.reader().await?;
        let list = client.prepare_cached(self.sql(Statement::ListQuarantine)).await?;
        let rows =
            client.query(&list, &[&before, &feed, &reason, &filter.uuids, &rows_max(messages_max)]).await?;
        let mut messages = rows.iter().map(Quarantined::from_row).collect::<Result<Vec<_>, _>>()?;
        let more = messages.len() > messages_max;
        messages.truncate(messages_max);
        Ok(QuarantinePage { messages, more })
    }

    /// The next of the messages that fit and are older than `before`, with their bodies, newest first: up to
    /// `messages_max`, [`QUARANTINE_PAGE_MAX`] and [`QUARANTINE_READ_BYTES_MAX`], and one if there is one. None means
    /// that there are no more.
    ///
    /// # Errors
    ///
    /// As of [`list_quarantine`](Self::list_quarantine).
    pub async fn read_quarantine(
        &self,
        filter: &QuarantineFilter,
        before: Option<Uuid>,
        messages_max: usize,
    ) -> Result<Vec<QuarantinedMessage>, QueryError> {
        let Terms { before, feed, reason } = Terms::of(filter, before)?;
        let messages_max = i64::try_from(messages_max.clamp(1, QUARANTINE_PAGE_MAX)).unwrap_or(i64::MAX);
        let bytes_max = i64::try_from(QUARANTINE_READ_BYTES_MAX).unwrap_or(i64::MAX);
        let client = self.reader().await?;
        let read = client.prepare_cached(self.sql(Statement::ReadQuarantine)).await?;
        let rows =
            client.query(&read, &[&before, &feed, &reason, &filter.uuids, &messages_max, &bytes_max]).await?;
        let messages = rows
            .iter()
            .map(|row| {
                Ok(QuarantinedMessage { about: Quarantined::from_row(row)?, body: row.try_get("body")? })
            })
            .collect::<Result<_, tokio_postgres::Error>>()?;
        Ok(messages)
    }

    /// What an id leads to.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find_quarantined(&self, id: QuarantineId) -> Result<QuarantineMatch, QueryError> {
        let client = self.reader().await?;
        let find = client.prepare_cached(self.sql(Statement::FindQuarantined)).await?;
        let rows = client.query(&find, &[&id.first, &id.last]).await?;
        Ok(match rows.as_slice() {
            [] => QuarantineMatch::None,
            [row] => QuarantineMatch::One(Quarantined::from_row(row)?),
            _ => QuarantineMatch::Several,
        })
    }

    /// How many messages fit and are older than `before`, and since when the oldest is here: counted one by one.
    ///
    /// # Errors
    ///
    /// As of [`list_quarantine`](Self::list_quarantine).
    pub async fn count_quarantined(
        &self,
        filter: &QuarantineFilter,
        before: Option<Uuid>,
    ) -> Result<QuarantineSize, QueryError> {
        let Terms { before, feed, reason } = Terms::of(filter, before)?;
        let client = self.reader().await?;
        let count = client.prepare_cached(self.sql(Statement::CountQuarantined)).await?;
        let row = client.query_one(&count, &[&before, &feed, &reason, &filter.uuids]).await?;
        Ok(QuarantineSize {
            messages: row.try_get::<_, i64>("messages")?.unsigned_abs(),
            oldest_received_at: row.try_get("oldest_received_at")?,
        })
    }

    /// Writes down why messages that were read anew are still refused. The times of receiving stay as they are, and
    /// so do messages that have left the quarantine meanwhile.
    ///
    /// # Errors
    ///
    /// Nothing was changed then; [`IngestError::Repeat`] asks for the same again.
    pub async fn refuse_again(&self, refused: &[(Uuid, String)]) -> Result<(), IngestError> {
        let uuids: Vec<Uuid> = refused.iter().map(|(uuid, _)| *uuid).collect();
        let reasons: Vec<String> = refused.iter().map(|(_, reason)| storable(reason)).collect();
        let refusing = async {
            let client = self.writer().await?;
            let refuse = client.prepare_cached(self.sql(Statement::RefuseAgain)).await?;
            client.execute(&refuse, &[&uuids, &reasons]).await?;
            Ok(())
        };
        let outcome = self.in_time(refusing).await;
        self.renew_writers_after(&outcome);
        outcome
    }

    /// Takes messages out of the quarantine for good, and says how many of them were there.
    ///
    /// # Errors
    ///
    /// Nothing was dropped then; [`IngestError::Repeat`] asks for the same again.
    pub async fn drop_quarantined(&self, uuids: &[Uuid]) -> Result<u64, IngestError> {
        let dropping = async {
            let client = self.writer().await?;
            let statement = client.prepare_cached(self.sql(Statement::DropQuarantined)).await?;
            Ok(client.execute(&statement, &[&uuids]).await?)
        };
        let outcome = self.in_time(dropping).await;
        self.renew_writers_after(&outcome);
        outcome
    }
}

/// A filter as statements take it.
struct Terms {
    before: Uuid,
    feed: Option<String>,
    reason: Option<String>,
}

impl Terms {
    fn of(filter: &QuarantineFilter, before: Option<Uuid>) -> Result<Self, QueryError> {
        Ok(Self {
            before: before.unwrap_or(Uuid::max()),
            feed: filter.feed.as_deref().map(storable),
            reason: filter.reason.as_deref().map(like_pattern).transpose()?,
        })
    }
}

impl Quarantined {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            uuid: row.try_get("uuid")?,
            body_bytes: row.try_get::<_, i64>("body_bytes")?.unsigned_abs(),
            reason: row.try_get("reason")?,
            feed: row.try_get("feed")?,
            origin: row.try_get("origin")?,
            times_received: row.try_get::<_, i64>("times_received")?.unsigned_abs(),
            first_received_at: row.try_get("first_received_at")?,
            last_received_at: row.try_get("last_received_at")?,
        })
    }
}

#[cfg(test)]
mod tests;
