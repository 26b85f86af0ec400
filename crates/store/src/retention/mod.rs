//! Retention: what is deleted after some time.
//!
//! Each kind of thing by itself: whole mails, their bodies, the raw JSON of events, and where opens and clicks came from. In
//! rounds, each a short transaction that locks the mails whose things go and passes over those that somebody holds. Any number
//! of processes may do this at once, and any may be killed: what is committed is done, the rest is found again.

mod progress;
mod remainder;
mod work;

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

pub(crate) use progress::{Earliest, tell_pruner};
pub(crate) use remainder::{fingerprint_of, remainder};

use crate::{IngestError, Store};

/// How late an event may come: SNS tries an endpoint again for 23 days, and a queue keeps a message for 14.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const EVENT_LATE_MAX: Duration = Duration::from_hours(37 * 24);

/// Mails, or events, of a round at most.
const ROUND_ROWS_MAX: i64 = 200;

/// Bytes after which a round takes no further row: deleting a body means to delete each of its pieces.
const ROUND_BYTES_MAX: i64 = 64 * 1024 * 1024;

/// What is deleted after how long. What has no time is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    delete_after: Option<Duration>,
    delete_bodies_after: Option<Duration>,
    delete_raw_after: Option<Duration>,
    delete_addresses_after: Option<Duration>,
    only_archived: bool,
}

/// A time after which no mail may be deleted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "mails can't be deleted before they are 37 days old: SNS tries to deliver an event for 23 days, and a queue keeps it for \
     14; an event that came in between would be lost, or bring half of the mail back"
)]
pub struct RetentionTooShort;

impl Retention {
    /// What is deleted after these times: whole mails, bodies, raw JSON, addresses and programs. With `only_archived`
    /// nothing of a mail goes before it is in the archive as it is now.
    ///
    /// # Errors
    ///
    /// When mails would go before [`EVENT_LATE_MAX`].
    pub fn new(
        delete_after: Option<Duration>,
        delete_bodies_after: Option<Duration>,
        delete_raw_after: Option<Duration>,
        delete_addresses_after: Option<Duration>,
        only_archived: bool,
    ) -> Result<Self, RetentionTooShort> {
        if delete_after.is_some_and(|after| after < EVENT_LATE_MAX) {
            return Err(RetentionTooShort);
        }
        Ok(Self {
            delete_after,
            delete_bodies_after,
            delete_raw_after,
            delete_addresses_after,
            only_archived,
        })
    }

    fn after(&self, kind: PrunedKind) -> Option<Duration> {
        match kind {
            PrunedKind::Mails => self.delete_after,
            PrunedKind::Bodies | PrunedKind::StoredBodies => self.delete_bodies_after,
            PrunedKind::RawEvents | PrunedKind::RawFolded => self.delete_raw_after,
            PrunedKind::AddressesOfEvents | PrunedKind::AddressesOfFolded => self.delete_addresses_after,
        }
    }

    /// Whether everything is kept.
    pub fn keeps_all(&self) -> bool {
        PrunedKind::ALL.iter().all(|kind| self.after(*kind).is_none())
    }
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrunedKind {
    /// Whole mails.
    Mails,
    /// Bodies of mails.
    Bodies,
    /// Those that were compressed.
    StoredBodies,
    /// The JSON of events.
    RawEvents,
    /// The JSON of folded events.
    RawFolded,
    /// IP address, program and place of events.
    AddressesOfEvents,
    /// The same of folded events.
    AddressesOfFolded,
}

impl PrunedKind {
    /// All, in the order in which they are looked for.
    pub const ALL: [Self; 7] = [
        Self::Mails,
        Self::Bodies,
        Self::StoredBodies,
        Self::RawEvents,
        Self::RawFolded,
        Self::AddressesOfEvents,
        Self::AddressesOfFolded,
    ];

    /// Whether it is noted how far it has been looked for, so that no run begins with the oldest.
    const fn is_noted(self) -> bool {
        matches!(self, Self::RawEvents | Self::AddressesOfEvents)
    }

    /// In a word, for people and for the table that notes how far it is.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mails => "mails",
            Self::Bodies => "bodies",
            Self::StoredBodies => "stored_bodies",
            Self::RawEvents => "raw_events",
            Self::RawFolded => "raw_folded",
            Self::AddressesOfEvents => "addresses_of_events",
            Self::AddressesOfFolded => "addresses_of_folded",
        }
    }
}

/// What a round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PruneRound {
    /// What it looked for; nothing where all is kept.
    pub kind: Option<PrunedKind>,
    /// Rows that went or were cut down, or would.
    pub rows: u64,
    /// About so many bytes in them.
    pub bytes: u64,
    /// Rows that stay until their mail is in the archive.
    pub kept_back: u64,
    /// Rows that somebody held, left for another run.
    pub put_off: u64,
    /// Rows that an application keeps: a table of its own refers to their mail, or a trigger says no.
    pub refused: u64,
    /// Whether everything has been looked for.
    pub is_through: bool,
}

/// How far a look has come.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    at: Timestamp,
    uuid: Uuid,
    fingerprint: Uuid,
}

/// Before everything that PostgreSQL may hold of ours.
const BEGINNING: Cursor = Cursor { at: Timestamp::UNIX_EPOCH, uuid: Uuid::nil(), fingerprint: Uuid::nil() };

/// Deletes what is old enough, round by round, until it is through.
#[derive(Debug)]
pub struct Pruner {
    store: Store,
    retention: Retention,
    is_dry: bool,
    /// Of [`PrunedKind::ALL`], the one that is looked for.
    place: usize,
    cursor: Option<Cursor>,
    /// The earliest event that was put off.
    earliest_put_off: Option<Timestamp>,
    /// The version of the row that tells how far events of this kind have been looked for, as this run knows it.
    done_version: Option<i64>,
    /// The event that an application refused last. It is passed over where it stands, so that how far the run has come is
    /// written with each step of it.
    refused: Option<Uuid>,
    /// Rows of the next look at most: fewer where one of them was refused, so that the others go without it.
    rows_max: i64,
}

/// What came of a look.
#[derive(Debug)]
enum Looked {
    /// It is committed.
    Done(PruneRound),
    /// Nothing is: an application refused one of so many rows, behind the last of which is this.
    Refused { rows: usize, behind: Cursor },
}

impl Pruner {
    /// A pruner that begins with the oldest.
    pub fn new(store: &Store, retention: Retention) -> Self {
        let store = store.clone();
        Self {
            store,
            retention,
            is_dry: false,
            place: 0,
            cursor: None,
            earliest_put_off: None,
            done_version: None,
            refused: None,
            rows_max: ROUND_ROWS_MAX,
        }
    }

    /// Changes nothing, and tells what it would.
    #[must_use]
    pub fn dry(self) -> Self {
        Self { is_dry: true, ..self }
    }

    /// One round: one transaction of some rows. Where an application refuses one of them, some more, until it is known which:
    /// it stays, and the next run asks again.
    ///
    /// Cancel-safe. A database that does not answer is given up after a minute or so.
    ///
    /// # Errors
    ///
    /// When the database does not answer, is busy ([`IngestError::Repeat`]: the same round may do the next time), or may not
    /// be written to.
    pub async fn round(&mut self) -> Result<PruneRound, IngestError> {
        loop {
            let Some(&kind) = PrunedKind::ALL.get(self.place) else {
                return Ok(PruneRound {
                    kind: None,
                    rows: 0,
                    bytes: 0,
                    kept_back: 0,
                    put_off: 0,
                    refused: 0,
                    is_through: true,
                });
            };
            let Some(after) = self.retention.after(kind) else {
                self.next_kind();
                continue;
            };
            let store = self.store.clone();
            let looked = store.in_time(Box::pin(self.look(kind, after))).await;
            store.renew_writers_after(&looked);
            match looked? {
                Looked::Done(round) => {
                    self.rows_max = ROUND_ROWS_MAX.min(self.rows_max * 2);
                    return Ok(round);
                }
                Looked::Refused { rows, .. } if rows > 1 => {
                    self.rows_max = i64::try_from(rows / 2).unwrap_or(ROUND_ROWS_MAX);
                }
                Looked::Refused { behind, .. } => {
                    if kind.is_noted() {
                        self.refused = Some(behind.uuid);
                    } else {
                        self.cursor = Some(behind);
                    }
                    return Ok(PruneRound {
                        kind: Some(kind),
                        rows: 0,
                        bytes: 0,
                        kept_back: 0,
                        put_off: 0,
                        refused: 1,
                        is_through: false,
                    });
                }
            }
        }
    }

    fn next_kind(&mut self) {
        self.place += 1;
        self.cursor = None;
        self.earliest_put_off = None;
        self.done_version = None;
        self.refused = None;
        self.rows_max = ROUND_ROWS_MAX;
    }
}

#[cfg(test)]
mod tests;
