//! Mails that an application logs: what it sends, with template, campaign, tags, headers and body, before or after SES
//! has accepted it.
//!
//! A mail is known by its application's own id. What is logged again adds to what is known: the application's later word
//! wins column by column, and what a line does not say stays; a status only rises. So the same line again changes nothing.
//! Columns that no line says are described by the mail's events, whichever of the two came first.

mod columns;
mod read;
mod row;
mod transaction;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashSet},
    time::Duration,
};

use aftersend_event::Status;
use jiff::Timestamp;
use uuid::Uuid;

pub use read::BadMail;

use self::transaction::{Done, Ran};
use crate::{
    IngestError, Store,
    erase::{Person, addresses_in},
    ingest::{join_now, merge::merge},
    tags::Tags,
};

/// Mails that are logged in one transaction at most.
pub const LOG_CHUNK_MAILS_MAX: usize = 200;

/// Bytes of bodies after which no further mail joins a transaction.
const LOG_CHUNK_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes of a logged mail's body, HTML and text together: as much as SES lets anybody send.
/// <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>
pub const LOG_BODY_BYTES_MAX: usize = 40 * 1024 * 1024;

/// Bytes of one mail's JSON: a body with every second character escaped, and the rest.
pub const LOG_LINE_BYTES_MAX: usize = 96 * 1024 * 1024;

/// Headers of a logged mail.
pub const LOG_HEADERS_MAX: usize = 1_000;

/// Bytes of a logged mail's headers, names and values together.
pub const LOG_HEADER_BYTES_MAX: usize = 256 * 1024;

/// Tags of a logged mail. SES takes 50. <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>
pub const LOG_TAGS_MAX: usize = 100;

/// Characters of a tag's name or value. SES takes 256.
pub const LOG_TAG_CHARS_MAX: usize = 1_024;

/// Characters of a body's text that are its preview where no text of its own stands beside the HTML.
const PREVIEW_CHARS_MAX: usize = 500;

/// How often a transaction is tried that others stand in the way of, and how long to wait before it is tried again, times
/// the number of the try.
const TRIES_MAX: u32 = 12;
const TRY_PAUSE: Duration = Duration::from_millis(15);

/// A mail as its application logs it. What is absent is not said, and stays as it is.
///
/// One that has no id is given one when it is read: the same value logged again, or a clone of it, is the same mail. The
/// same line read again is another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggedMail {
    /// The key that its row gets, where neither it nor SES has an id for it.
    pub(crate) given: Option<Uuid>,
    pub(crate) message_id: Option<String>,
    pub(crate) aws_message_id: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) template: Option<String>,
    pub(crate) campaign: Option<String>,
    pub(crate) configuration_set: Option<String>,
    pub(crate) tags: Option<Tags>,
    pub(crate) headers: Option<BTreeMap<String, Vec<String>>>,
    pub(crate) body: Option<Body>,
    pub(crate) attachments_count: Option<i32>,
    pub(crate) size_bytes: Option<i32>,
    pub(crate) locale: Option<String>,
    pub(crate) user_uuid: Option<Uuid>,
    pub(crate) queued_at: Option<Timestamp>,
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) status: Option<Status>,
}

/// A body as the columns hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Body {
    /// HTML where there is any, else the text.
    pub(crate) full: String,
    /// The text beside HTML, whole; else the beginning of the text.
    pub(crate) preview: Option<String>,
}

impl LoggedMail {
    /// Its application's own id, if it has one.
    pub fn message_id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }

    /// What its row has for an own id: its application's, or what stands for it.
    pub(crate) fn row_id(&self) -> Option<Cow<'_, str>> {
        let said = self.message_id.as_deref().map(Cow::Borrowed);
        said.or_else(|| self.given.map(|uuid| Cow::Owned(row::given_message_id(uuid))))
    }

    /// All addresses that its texts may name.
    pub(crate) fn addresses(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let body = self.body.iter().flat_map(|body| [Some(&body.full), body.preview.as_ref()]);
        let texts = [&self.to, &self.from, &self.subject, &self.message_id, &self.campaign];
        let headers = self.headers.iter().flatten().flat_map(|(_, values)| values);
        let tags = self.tags.iter().flatten().flat_map(|(_, values)| values);
        for text in texts.into_iter().flatten().chain(body.flatten()).chain(headers).chain(tags) {
            addresses_in(text, &mut found);
        }
        found
    }

    /// Takes a person out of its texts. Its own id stays: it is what it is known by.
    pub(crate) fn clean(&mut self, person: &Person) {
        let body = self.body.iter_mut().flat_map(|body| [Some(&mut body.full), body.preview.as_mut()]);
        let texts = [&mut self.to, &mut self.from, &mut self.subject, &mut self.campaign];
        let headers = self.headers.iter_mut().flatten().flat_map(|(_, values)| values);
        for text in texts.into_iter().flatten().chain(body.flatten()).chain(headers) {
            if let Some(without) = person.without(text) {
                *text = without;
            }
        }
        for values in self.tags.iter_mut().flatten().map(|(_, values)| values) {
            *values =
                values.iter().map(|value| person.without(value).unwrap_or_else(|| value.clone())).collect();
        }
    }

    fn body_bytes(&self) -> usize {
        self.body.as_ref().map_or(0, |body| body.full.len() + body.preview.as_ref().map_or(0, String::len))
    }

    /// All that may lead to its row: two mails of one transaction have none in common.
    fn keys(&self) -> impl Iterator<Item = (bool, &str)> {
        let own = self.message_id.as_deref();
        // An own id may be an SES id, too.
        own.map(|id| (false, id)).into_iter().chain(self.ses_id().map(|id| (true, id)))
    }

    /// The SES id that it may have: the one it says, else its own id, which some applications take from SES.
    pub(crate) fn ses_id(&self) -> Option<&str> {
        self.aws_message_id.as_deref().or(self.message_id.as_deref())
    }
}

/// A mail that was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Aftersend's key of it.
    pub uuid: Uuid,
    /// Its application's own id, or the one that it was given.
    pub message_id: String,
    /// What became of it.
    pub outcome: LogOutcome,
}

/// What logging a mail came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOutcome {
    /// Nobody knew it.
    Created,
    /// It was known from its events, and is its application's now.
    Joined,
    /// More is known of it now, or something else.
    Updated,
    /// All of it was known.
    Unchanged,
}

impl LogOutcome {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Joined => "joined",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }
}

/// Why a mail was not logged. It harms no other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogRefusal {
    /// Nobody knows it yet, and it does not say enough.
    #[error("nothing is known of this mail yet, so it needs `to` and `from`")]
    Unknown,
    /// Its SES id is another mail's.
    #[error("its `aws_message_id` belongs to another mail, which was logged with the message_id `{0}`")]
    OtherMail(String),
    /// It was deleted or erased on purpose.
    #[error("this mail was removed on purpose, and stays away")]
    Removed,
    /// It is in the archive, and not here. To add to it would make a second mail of it.
    #[error(
        "this mail is in the archive; bring it back with `aftersend archive restore` before it is logged again"
    )]
    Archived,
    /// PostgreSQL can't hold it.
    #[error("PostgreSQL can't hold it: {0}")]
    Unfit(String),
}

/// The database stood in the way of logging all mails. Those of whom there is an outcome are done.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct LogBrokenOff {
    /// Of the first mails, in their order. The others are not logged, but for a transaction whose answer was lost, which
    /// `Away` alone can mean.
    pub outcomes: Vec<Result<Logged, LogRefusal>>,
    /// What stood in the way.
    pub error: IngestError,
}

impl Store {
    /// Logs mails, in order, some per transaction, and says of each what became of it.
    ///
    /// Logging the same again changes nothing. Where a mail is known from events already, or events of it are parked, it
    /// gets them at once. Cancel-safe: what was committed is logged, and all of it may be logged again.
    ///
    /// # Errors
    ///
    /// When the database stands in the way. The first mails may be logged then: the error has their outcomes, and only those
    /// behind them are to be logged again. What is wrong with a single mail is told beside the others' outcomes.
    pub async fn log_mails(
        &self,
        mails: &[LoggedMail],
    ) -> Result<Vec<Result<Logged, LogRefusal>>, LogBrokenOff> {
        let mut outcomes = Vec::with_capacity(mails.len());
        let mut rest = mails;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(chunk_length(rest));
            if let Err(error) = Box::pin(self.log_chunk(chunk, &mut outcomes)).await {
                return Err(LogBrokenOff { outcomes, error });
            }
            rest = after;
        }
        Ok(outcomes)
    }

    /// Logs what fits into one transaction; where PostgreSQL refuses a value, by halves. Adds what became of each as soon as
    /// that is certain.
    async fn log_chunk(
        &self,
        chunk: &[LoggedMail],
        outcomes: &mut Vec<Result<Logged, LogRefusal>>,
    ) -> Result<(), IngestError> {
        let mut parts = vec![chunk];
        while let Some(part) = parts.pop() {
            match self.log_part(part).await {
                Ok(logged) => outcomes.extend(logged),
                Err(IngestError::Data(reason)) if part.len() == 1 => {
                    outcomes.push(Err(LogRefusal::Unfit(reason)));
                }
                Err(IngestError::Data(_)) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One transaction, again where others stand in its way, and then what it leads to.
    async fn log_part(&self, part: &[LoggedMail]) -> Result<Vec<Result<Logged, LogRefusal>>, IngestError> {
        let mut tries = 0;
        let done = loop {
            tries += 1;
            let done = self.in_time(Box::pin(transaction::run(self, part))).await;
            self.renew_writers_after(&done);
            match done {
                Err(IngestError::Repeat(reason)) if tries < TRIES_MAX => {
                    tracing::debug!(reason, "mails are logged once more");
                    tokio::time::sleep(TRY_PAUSE * tries).await;
                }
                done => match done? {
                    Ran::Done(done) => break done,
                    Ran::Unmerged(_) if tries >= TRIES_MAX => {
                        let reason = "mails that were made from events are being merged";
                        return Err(IngestError::Repeat(reason.to_owned()));
                    }
                    Ran::Unmerged(mails) => {
                        for unmerged in &mails {
                            leave_to_joiner(merge(self, unmerged).await.map(drop))?;
                        }
                    }
                },
            }
        };
        // The mails are logged, whatever becomes of their events: to log them again would not do more for these.
        if let Err(error) = self.join_logged(&done).await {
            tracing::warn!(reason = %error, "events of logged mails are left to the next round of a joiner");
        }
        Ok(done.outcomes)
    }

    /// Gives mails that are logged the events that wait for them.
    async fn join_logged(&self, done: &Done) -> Result<(), IngestError> {
        for unmerged in &done.unmerged {
            leave_to_joiner(merge(self, unmerged).await.map(drop))?;
        }
        if !done.ids.is_empty() {
            leave_to_joiner(Box::pin(join_now(self, &done.ids)).await.map(drop))?;
        }
        Ok(())
    }
}

/// What stands in the way of a mail's events is gone for the next round of a joiner.
fn leave_to_joiner(joined: Result<(), IngestError>) -> Result<(), IngestError> {
    match joined {
        Err(IngestError::Repeat(reason) | IngestError::Data(reason)) => {
            tracing::debug!(reason, "events of a logged mail are left to the next round");
            Ok(())
        }
        joined => joined,
    }
}

/// How many of the next mails go into one transaction: at least one, and none that another of them may be.
fn chunk_length(mails: &[LoggedMail]) -> usize {
    let mut keys: HashSet<(bool, &str)> = HashSet::new();
    let mut body_bytes = 0;
    for (place, mail) in mails.iter().enumerate().take(LOG_CHUNK_MAILS_MAX) {
        body_bytes += mail.body_bytes();
        let is_new = mail.keys().all(|key| !keys.contains(&key));
        if place > 0 && (!is_new || body_bytes > LOG_CHUNK_BODY_BYTES_MAX) {
            return place;
        }
        keys.extend(mail.keys());
    }
    mails.len().min(LOG_CHUNK_MAILS_MAX)
}

#[cfg(test)]
mod tests;
