//! One page of the mails that somebody looks for.

use std::{fmt, str::FromStr, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    count::MailCount,
    filter::Filter,
    find::{Columns, Counting, Direction, Finder, Pace},
    query::{Clock, Query},
};
use crate::{QueryError, Store, connect::Reader};

/// Mails on one page at most.
pub const PAGE_MAILS_MAX: usize = 500;

/// How long the search for a page may take. What is found by then is shown, with how far the search has come.
pub const PAGE_BUDGET_MS: u64 = 5_000;

/// The earliest `timestamptz`, 24 November 4714 BC, in microseconds since 1970.
/// <https://www.postgresql.org/docs/current/datatype-datetime.html>
pub(crate) const TIMESTAMPTZ_MIN_MICROS: i64 = -210_866_803_200_000_000;

/// Which mails to list, and which page of them.
#[derive(Clone, Debug)]
pub struct Search {
    /// What to look for.
    pub query: Query,
    /// What times in it are relative to.
    pub clock: Clock,
    /// Which mail stands first.
    pub order: Order,
    /// Where the page begins.
    pub page: PageStart,
    /// Mails on the page, up to [`PAGE_MAILS_MAX`].
    pub mails_max: usize,
    /// How long it may take, up to [`PAGE_BUDGET_MS`].
    pub budget: Duration,
}

impl Search {
    /// The first page of the mails that fit, newest first, with days as UTC has them.
    pub fn new(query: Query) -> Self {
        Self {
            query,
            clock: Clock::utc(),
            order: Order::NewestFirst,
            page: PageStart::First,
            mails_max: 50,
            budget: Duration::from_millis(PAGE_BUDGET_MS),
        }
    }
}

/// Which mail of a list stands first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// The one that was sent last.
    #[default]
    NewestFirst,
    /// The one that was sent first.
    OldestFirst,
}

impl Order {
    fn direction(self) -> Direction {
        match self {
            Self::NewestFirst => Direction::Back,
            Self::OldestFirst => Direction::Forward,
        }
    }
}

/// Where a page begins. Pages are cut by a mail's place in the order, not by counting rows: mails that
/// arrive meanwhile move nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStart {
    /// At the first mail of the order.
    First,
    /// With the mails next to this place that are older.
    OlderThan(Cursor),
    /// With the mails next to this place that are newer.
    NewerThan(Cursor),
}

/// A mail's place in the order of the list: by time of sending, then by uuid, since times alone are not unique.
///
/// Its text form goes into links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) sent_at: Timestamp,
    pub(super) uuid: Uuid,
}

impl Cursor {
    /// When the mail at this place was sent.
    pub fn sent_at(&self) -> Timestamp {
        self.sent_at
    }

    /// The place itself.
    pub(crate) fn place(self) -> (Timestamp, Uuid) {
        (self.sent_at, self.uuid)
    }

    pub(super) fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self { sent_at: row.try_get("sent_at")?, uuid: row.try_get("uuid")? })
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

    pub(crate) fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
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
    /// In the order that was asked for.
    pub mails: Vec<MailSummary>,
    /// Where the page of older mails next to this one begins, if there may be any.
    pub older: Option<Cursor>,
    /// Where the page of newer mails next to this one begins, if there may be any.
    pub newer: Option<Cursor>,
    /// How far the search has come, where its time was up before the page was full: between the page and this time there
    /// is no other mail that fits. The page behind, `older` or `newer`, goes on from there.
    pub looked_until: Option<Timestamp>,
}

impl Store {
    /// One page of the mails that fit.
    ///
    /// # Errors
    ///
    /// When the time was up before anything was looked at, or when the database does not answer.
    pub async fn search(&self, search: &Search) -> Result<MailPage, QueryError> {
        self.search_at(search, Pace::NORMAL).await
    }

    /// One page of the mails that fit, and how many there are of them. What tells the one often tells the other: to ask for
    /// both at once takes less time than one after the other. No number where finding it out failed.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search).
    pub async fn search_and_count(
        &self,
        search: &Search,
    ) -> Result<(MailPage, Option<MailCount>), QueryError> {
        self.search_and_count_at(search, Pace::NORMAL).await
    }

    pub(super) async fn search_and_count_at(
        &self,
        search: &Search,
        pace: Pace,
    ) -> Result<(MailPage, Option<MailCount>), QueryError> {
        let mut client = self.reader().await?;
        let filter = Filter::of(self, &client, &search.query, &search.clock).await?;
        let (page, told) = self.page(search, pace, &mut client, &filter, true).await?;
        let is_all = search.page == PageStart::First && told.ended;
        let count = match told.counting {
            Counting::Counted(count) => Some(MailCount::Exactly(count)),
            _ if is_all && page.older.is_none() && page.newer.is_none() => {
                Some(MailCount::Exactly(page.mails.len() as u64))
            }
            counting => self.count_from(&mut client, &filter, counting, told.walked).await.ok(),
        };
        Ok((page, count))
    }

    pub(super) async fn search_at(&self, search: &Search, pace: Pace) -> Result<MailPage, QueryError> {
        let mut client = self.reader().await?;
        let filter = Filter::of(self, &client, &search.query, &search.clock).await?;
        Ok(self.page(search, pace, &mut client, &filter, false).await?.0)
    }

    async fn page(
        &self,
        search: &Search,
        pace: Pace,
        client: &mut Reader,
        filter: &Filter,
        is_counted: bool,
    ) -> Result<(MailPage, Told), QueryError> {
        let deadline = Instant::now() + search.budget.min(Duration::from_millis(PAGE_BUDGET_MS));
        let mails_max = search.mails_max.clamp(1, PAGE_MAILS_MAX);
        let (direction, from) = match search.page {
            PageStart::First => (search.order.direction(), None),
            PageStart::OlderThan(cursor) => (Direction::Back, Some(cursor)),
            PageStart::NewerThan(cursor) => (Direction::Forward, Some(cursor)),
        };
        let mut finder = Finder::new(self, filter, Columns::Summary, direction, from, pace);
        if is_counted {
            finder = finder.counting();
        }
        let rows = finder.find(client, mails_max + 1, deadline).await?;
        let stopped = (!finder.ended && rows.len() <= mails_max).then_some(finder.place);
        if stopped == Some(from) {
            return Err(QueryError::TimedOut);
        }
        let mails = rows.iter().map(MailSummary::from_row).collect::<Result<Vec<_>, _>>()?;
        let told = Told { counting: finder.counted(), walked: finder.walked(), ended: finder.ended };
        Ok((page_of(mails, mails_max, search, direction, stopped.flatten()), told))
    }
}

/// What finding a page tells of all mails that fit.
struct Told {
    counting: Counting,
    walked: (i64, i64),
    ended: bool,
}

/// Cuts the surplus row off, says which neighbours the page has, and turns it round where it was found backwards.
fn page_of(
    mut mails: Vec<MailSummary>,
    mails_max: usize,
    search: &Search,
    direction: Direction,
    stopped: Option<Cursor>,
) -> MailPage {
    let more = mails.len() > mails_max;
    mails.truncate(mails_max);
    let ahead = stopped.or_else(|| mails.last().filter(|_| more).map(MailSummary::cursor));
    // The mail that the cursor came from lies on the other side.
    let behind = mails.first().filter(|_| search.page != PageStart::First).map(MailSummary::cursor);
    let (older, newer) = match direction {
        Direction::Back => (ahead, behind),
        Direction::Forward => (behind, ahead),
    };
    if direction != search.order.direction() {
        mails.reverse();
    }
    MailPage { mails, older, newer, looked_until: stopped.map(|place| place.sent_at) }
}

/// A limit as SQL takes it, for one row more: that one tells whether there are more.
pub(crate) fn rows_max(shown_max: usize) -> i64 {
    i64::try_from(shown_max).unwrap_or(i64::MAX).saturating_add(1)
}
