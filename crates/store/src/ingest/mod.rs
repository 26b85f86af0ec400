//! Storing a batch of events: what of it is new, what it means for the mails, in one transaction.

mod columns;
mod erased;
mod events;
pub(crate) mod facts;
mod join;
pub(crate) mod late;
mod mail_columns;
pub(crate) mod mails;
pub(crate) mod marks;
pub(crate) mod merge;
mod occurrence;
mod parking;
pub(crate) mod recipients;
pub(crate) mod record;
pub(crate) mod transaction;
mod unknown;

use std::borrow::Cow;

use aftersend_event::Event;

pub(crate) use join::join_now;
pub use join::{JoinReport, Joiner};
pub use parking::Parked;
pub use unknown::{PARK_FOR_DEFAULT, UnknownMails};

use self::transaction::Outcome;
use crate::{IngestError, Store};

/// Messages of a batch at most. Throughput hardly grows beyond some hundreds, and locks are held for the whole of it.
pub const BATCH_MESSAGES_MAX: usize = 1_000;

/// How often a batch is tried whose mails had to be merged first.
const MERGE_TRIES_MAX: usize = 3;

/// An event that a feed delivered.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// What it says.
    pub event: &'a Event<'a>,
    /// The event's own JSON, as received.
    pub json: &'a str,
}

/// A message that can't be read or stored.
#[derive(Clone, Debug)]
pub struct Poison<'a> {
    /// The message, whole.
    pub body: &'a [u8],
    /// What is wrong with it, without quoting it.
    pub reason: String,
    /// The kind of feed that delivered it: `file`, `sqs`.
    pub feed: &'a str,
    /// Where in the feed it stood: a line, a message id.
    pub origin: Cow<'a, str>,
}

/// What is stored together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch<'a> {
    /// Events; with the poisons up to [`BATCH_MESSAGES_MAX`].
    pub arrivals: Vec<Arrival<'a>>,
    /// Messages for the quarantine.
    pub poisons: Vec<Poison<'a>>,
}

/// What became of a batch. The parts add up to the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchReport {
    /// Events that were new and have a row of their own.
    pub stored: usize,
    /// Events that were here already, or in the archive, or several times in the batch.
    pub repeated: usize,
    /// Events that were new, and stand beside the row that holds their place.
    pub folded: usize,
    /// Events that were new, and wait until their mail is known.
    pub parked: usize,
    /// Events that came too late: of mails that are in the archive, kept for its next object; and of mails that were removed
    /// on purpose, of which nothing is kept.
    pub late: usize,
    /// Messages put into quarantine.
    pub quarantined: usize,
}

/// Which tags of a mail name its template and its campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagNames {
    /// The tag with the template's name.
    pub template: String,
    /// The tag with the campaign's id.
    pub campaign: String,
}

impl Default for TagNames {
    fn default() -> Self {
        Self { template: "template".to_owned(), campaign: "campaign".to_owned() }
    }
}

impl Store {
    /// Stores a batch in one transaction and says what became of its parts.
    ///
    /// Storing the same batch again changes nothing. Dropping the future before it is done leaves the
    /// transaction to be rolled back: it is cancel-safe. A database that does not answer at all is given up after a
    /// minute or so.
    ///
    /// # Errors
    ///
    /// Nothing was stored then. [`IngestError::Repeat`] and [`IngestError::Away`] ask for the same batch again; [`IngestError::Data`]
    /// says that one of the events can't be stored, and smaller batches will show which.
    pub async fn ingest(&self, batch: &Batch<'_>) -> Result<BatchReport, IngestError> {
        let messages = batch.arrivals.len() + batch.poisons.len();
        if messages > BATCH_MESSAGES_MAX {
            return Err(IngestError::TooLarge(messages));
        }
        // The states of a transaction are many: kept on the heap, those of its callers stay small.
        let outcome = self.in_time(Box::pin(self.ingest_merged(batch))).await;
        self.renew_writers_after(&outcome);
        outcome
    }

    /// A session keeps what it was told when it began: that the database is read-only, what tables look like, which
    /// server it is on. Whoever tries again after it was mended would not notice. And one that fell silent would be
    /// the next batch's, and as silent.
    pub(crate) fn renew_writers_after<T>(&self, outcome: &Result<T, IngestError>) {
        if let Err(IngestError::Away(_) | IngestError::Blocked(_) | IngestError::Schema(_)) = outcome {
            self.renew_writers();
        }
    }

    /// Stores a batch, after mails that were made from its events and have been logged since are merged.
    async fn ingest_merged(&self, batch: &Batch<'_>) -> Result<BatchReport, IngestError> {
        for _ in 0..MERGE_TRIES_MAX {
            match transaction::run(self, batch).await? {
                Outcome::Stored(report) => return Ok(report),
                // Else an event would count as new for either of the two rows.
                Outcome::Unmerged(mails) => {
                    for unmerged in &mails {
                        merge::merge(self, unmerged).await?;
                    }
                }
            }
        }
        Err(IngestError::Repeat("mails that were made from events are being merged".to_owned()))
    }
}

#[cfg(test)]
pub(crate) mod tests;
