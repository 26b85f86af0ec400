//! The list of mails: newest first, filtered, one page at a time.

use std::{fmt, str::FromStr};

use aftersend_event::{Status, normalise_address};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{QueryError, Store, sql::Statement};

/// Mails on one page at most.
pub const PAGE_MAILS_MAX: usize = 500;

/// Characters of a search text at most.
pub const SEARCH_TEXT_CHARS_MAX: usize = 200;

/// Mails that are found by an address which their column `to` does not show: the newest of that address.
const MAILS_BY_RECIPIENT_MAX: i64 = 1_000;

/// The earliest `timestamptz`, 24 November 4714 BC, in microseconds since 1970.
/// <https://www.postgresql.org/docs/current/datatype-datetime.html>
pub(crate) const TIMESTAMPTZ_MIN_MICROS: i64 = -210_866_803_200_000_000;

/// Which mails to list, and which page of them.
#[derive(Clone, Debug)]
pub struct MailQuery {
    /// A part of the first recipient, the subject or the campaign, in any case, or the whole address of any recipient; up
    /// to [`SEARCH_TEXT_CHARS_MAX`].
    pub text: Option<String>,
    /// Only mails in this state.
    pub status: Option<Status>,
    /// Where the page begins.
    pub page: PageStart,
    /// Mails on the page, up to [`PAGE_MAILS_MAX`].
    pub mails_max: usize,
}

impl Default for MailQuery {
    fn default() -> Self {
        Self { text: None, status: None, page: PageStart::Newest, mails_max: 50 }
    }
}

/// Where a page begins. Pages are cut by a mail's place in the order, not by counting rows: mails that
/// arrive meanwhile move nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStart {
    /// At the newest mail.
    Newest,
    /// With the first mail older than this place.
    OlderThan(Cursor),
    /// So that the page ends just before this place.
    NewerThan(Cursor),
}

/// A mail's place in the order of the list: by time of sending, then by uuid, since times alone are not unique.
///
/// Its text form goes into links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    sent_at: Timestamp,
    uuid: Uuid,
}

impl Cursor {
    /// The place itself.
    pub(crate) fn place(self) -> (Timestamp, Uuid) {
        (self.sent_at, self.uuid)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.sent_at.as_microsecond(), self.uuid.simple())
    }
}

/// A cursor that this program did not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in the list; go back to its beginning")]
pub struct BadCursor;

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let (micros, uuid) = text.split_once('.').ok_or(BadCursor)?;
        let micros: i64 = micros.parse().map_err(|_| BadCursor)?;
        if micros < TIMESTAMPTZ_MIN_MICROS {
            return Err(BadCursor);
        }
        let sent_at = Timestamp::from_microsecond(micros).map_err(|_| BadCursor)?;
        let uuid = Uuid::try_parse(uuid).map_err(|_| BadCursor)?;
        Ok(Self { sent_at, uuid })
    }
}

/// A mail as the list shows it.
#[derive(Clone, Debug)]
pub struct MailSummary {
    /// The row's key.
    pub uuid: Uuid,
    /// The application's own id; the SES id for mails known only from events.
    pub message_id: String,
    /// The id that SES gave the mail.
    pub aws_message_id: Option<String>,
    /// The first recipient.
    pub to: String,
    /// The sender.
    pub from: String,
    /// The subject line.
    pub subject: Option<String>,
    /// The template it was made from.
    pub template_name: Option<String>,
    /// The campaign it belongs to.
    pub campaign_id: Option<String>,
    /// Its state by name; [`Status::from_name`] knows all but an application's own inventions.
    pub status: String,
    /// When it was sent.
    pub sent_at: Timestamp,
}

impl MailSummary {
    /// The mail's place in the list.
    pub fn cursor(&self) -> Cursor {
        Cursor { sent_at: self.sent_at, uuid: self.uuid }
    }

    pub(crate) fn from_row(row: &tokio_postgres::Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            uuid: row.try_get("uuid")?,
            message_id: row.try_get("message_id")?,
            aws_message_id: row.try_get("aws_message_id")?,
            to: row.try_get("to")?,
            from: row.try_get("from")?,
            subject: row.try_get("subject")?,
            template_name: row.try_get("template_name")?,
            campaign_id: row.try_get("campaign_id")?,
            status: row.try_get("status")?,
            sent_at: row.try_get("sent_at")?,
        })
    }
}

/// One page of the list.
#[derive(Clone, Debug, Default)]
pub struct MailPage {
    /// Newest first.
    pub mails: Vec<MailSummary>,
    /// Where the next page of older mails begins, if there are any.
    pub older: Option<Cursor>,
    /// Where the page of newer mails ends, if there are any.
    pub newer: Option<Cursor>,
}

impl Store {
    /// One page of the mails that fit, newest first.
    ///
    /// # Errors
    ///
    /// When the text is too long, when the search takes longer than its time budget, or when the database
    /// does not answer.
    pub async fn list_mails(&self, query: &MailQuery) -> Result<MailPage, QueryError> {
        let pattern = query.text.as_deref().map(like_pattern).transpose()?;
        let status = query.status.map(Status::name);
        let mails_max = query.mails_max.clamp(1, PAGE_MAILS_MAX);
        let rows_max = rows_max(mails_max);

        let (statement, Cursor { sent_at, uuid }) = match query.page {
            PageStart::Newest => {
                (Statement::ListOlder, Cursor { sent_at: Timestamp::MAX, uuid: Uuid::max() })
            }
            PageStart::OlderThan(cursor) => (Statement::ListOlder, cursor),
            PageStart::NewerThan(cursor) => (Statement::ListNewer, cursor),
        };
        let address = query.text.as_deref().and_then(whole_address);
        let client = self.reader().await?;
        let prepared = client.prepare_cached(self.sql(statement)).await?;
        let rows = client
            .query(
                &prepared,
                &[&pattern, &status, &rows_max, &sent_at, &uuid, &address, &MAILS_BY_RECIPIENT_MAX],
            )
            .await?;
        let mails = rows.iter().map(MailSummary::from_row).collect::<Result<Vec<_>, _>>()?;
        Ok(page_of(mails, mails_max, query.page))
    }
}

/// Cuts the surplus row off and says which neighbours the page has.
fn page_of(mut mails: Vec<MailSummary>, mails_max: usize, start: PageStart) -> MailPage {
    let more = mails.len() > mails_max;
    mails.truncate(mails_max);
    let (more_older, more_newer) = match start {
        PageStart::Newest => (more, false),
        // The mail that the cursor came from lies on the other side.
        PageStart::OlderThan(_) => (more, true),
        PageStart::NewerThan(_) => {
            mails.reverse();
            (true, more)
        }
    };
    let older = mails.last().filter(|_| more_older).map(MailSummary::cursor);
    let newer = mails.first().filter(|_| more_newer).map(MailSummary::cursor);
    MailPage { mails, older, newer }
}

/// A limit as SQL takes it, for one row more: that one tells whether there are more.
pub(crate) fn rows_max(shown_max: usize) -> i64 {
    i64::try_from(shown_max).unwrap_or(i64::MAX).saturating_add(1)
}

/// The text as an address, if it is one and nothing else: a part of one is searched for in the column `to` alone.
fn whole_address(text: &str) -> Option<String> {
    let address = normalise_address(text);
    let is_one = address.contains('@') && !address.contains(|c: char| c.is_whitespace() || c == '\0');
    is_one.then_some(address)
}

/// The text as a pattern for `ILIKE`: what LIKE gives a meaning of its own stands for itself.
pub(crate) fn like_pattern(text: &str) -> Result<String, QueryError> {
    if text.chars().count() > SEARCH_TEXT_CHARS_MAX {
        return Err(QueryError::TextTooLong);
    }
    let mut pattern = String::with_capacity(text.len() + 8);
    pattern.push('%');
    for character in text.chars().filter(|&character| character != '\0') {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    Ok(pattern)
}

#[cfg(test)]
mod tests;
