//! All mails that fit, batch by batch, for files. However many there are, no more than a batch is held.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_postgres::Row;

use super::{
    filter::Filter,
    find::{Columns, Direction, Finder, Pace},
    page::{Cursor, MailSummary, Order},
    query::{Clock, Query},
};
use crate::{QueryError, Store, tags};

mod format;

pub use format::{CSV_HEADER, ExportFormat};

/// Mails of a batch at most.
pub const EXPORT_BATCH_MAILS: usize = 2_000;

/// How long a batch may take. In a batch that finds nothing in that time, the search goes on from where it has come to.
const BATCH_BUDGET: Duration = Duration::from_secs(5);

/// Batches in a row whose time was up before anything was looked at: then the database is too slow for an export.
const FRUITLESS_BATCHES_MAX: usize = 3;

/// A mail as an export holds it.
#[derive(Clone, Debug)]
pub struct ExportedMail {
    /// What a list shows of it.
    pub summary: MailSummary,
    /// When a recipient's server first took it.
    pub delivered_at: Option<Timestamp>,
    /// When it was first opened.
    pub opened_at: Option<Timestamp>,
    /// When a link was first followed.
    pub clicked_at: Option<Timestamp>,
    /// When it first bounced.
    pub bounced_at: Option<Timestamp>,
    /// When a recipient first complained.
    pub complained_at: Option<Timestamp>,
    /// SES's configuration set.
    pub configuration_set: Option<String>,
    /// The addresses that it went to, as far as events tell.
    pub recipients: Vec<String>,
    /// Those of them that it came back from, and did not reach afterwards, or that SES did not try.
    pub bounced: Vec<String>,
    /// Of the gravest bounce: `hard`, `undetermined` or `soft`.
    pub bounce_type: Option<String>,
    /// SES's subtype of that bounce: `NoEmail`, `MailboxFull`, …
    pub bounce_reason: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, Vec<String>>,
}

impl ExportedMail {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let tags: Option<String> = row.try_get("message_tags")?;
        let addresses =
            |column: &str| row.try_get::<_, Option<Vec<String>>>(column).map(Option::unwrap_or_default);
        let bounce: Option<Vec<Option<String>>> = row.try_get("bounce")?;
        let mut bounce = bounce.unwrap_or_default().into_iter();
        Ok(Self {
            recipients: addresses("recipients")?,
            bounced: addresses("bounced")?,
            bounce_type: bounce.next().flatten(),
            bounce_reason: bounce.next().flatten(),
            summary: MailSummary::from_row(row)?,
            delivered_at: row.try_get("delivered_at")?,
            opened_at: row.try_get("opened_at")?,
            clicked_at: row.try_get("clicked_at")?,
            bounced_at: row.try_get("bounced_at")?,
            complained_at: row.try_get("complained_at")?,
            configuration_set: row.try_get("configuration_set")?,
            tags: tags.as_deref().map(tags::read).unwrap_or_default(),
        })
    }
}

/// An export under way.
///
/// It takes a connection for each batch and holds none in between, so that a reader who is slow keeps nobody waiting.
/// What is sent meanwhile behind the place that it has come to is left out; nothing comes twice.
#[derive(Debug)]
pub struct Export {
    store: Store,
    query: Query,
    clock: Clock,
    order: Order,
    place: Option<Cursor>,
    ended: bool,
}

impl Store {
    /// Begins an export of all mails that fit. What "7 days ago" means is settled by the clock, for all of it.
    pub fn export(&self, query: Query, clock: Clock, order: Order) -> Export {
        Export { store: self.clone(), query, clock, order, place: None, ended: false }
    }
}

impl Export {
    /// The next mails, at most [`EXPORT_BATCH_MAILS`]; none when all have been given.
    ///
    /// If the caller goes away meanwhile, the next call begins at the same place.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or not in time. The next call tries again from the same place.
    pub async fn next_batch(&mut self) -> Result<Vec<ExportedMail>, QueryError> {
        let mut fruitless = 0;
        while !self.ended {
            let before = self.place;
            let mails = self.batch().await?;
            if !mails.is_empty() {
                return Ok(mails);
            }
            fruitless = if self.place == before { fruitless + 1 } else { 0 };
            if fruitless == FRUITLESS_BATCHES_MAX {
                return Err(QueryError::TimedOut);
            }
        }
        Ok(Vec::new())
    }

    async fn batch(&mut self) -> Result<Vec<ExportedMail>, QueryError> {
        let mut client = self.store.reader().await?;
        let filter = Filter::of(&self.store, &client, &self.query, &self.clock).await?;
        let direction = match self.order {
            Order::NewestFirst => Direction::Back,
            Order::OldestFirst => Direction::Forward,
        };
        let (columns, pace) = (Columns::Export, Pace::NORMAL);
        let mut finder = Finder::new(&self.store, &filter, columns, direction, self.place, pace);
        let rows = finder.find(&mut client, EXPORT_BATCH_MAILS, Instant::now() + BATCH_BUDGET).await?;
        let mails = rows.iter().map(ExportedMail::from_row).collect::<Result<Vec<_>, _>>()?;
        (self.place, self.ended) = (finder.place, finder.ended);
        Ok(mails)
    }
}
