//! What pollers tell of themselves while they run: for a terminal, metrics, a page.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use aftersend_store::BatchReport;

/// Is told what pollers do, as they do it.
///
/// Called by several tasks at once, in the middle of their work: a method returns at once, and neither blocks nor
/// panics. `feed` is the name that the feed was given when it was run, the same for all its pollers. Nothing that is
/// told holds an address, a subject or a body.
pub trait Observer: Send + Sync {
    /// A feed has delivered messages.
    fn received(&self, feed: &str, messages: usize) {
        let _ = (feed, messages);
    }

    /// A transaction has been committed. A batch with poison in it takes several.
    fn committed(&self, feed: &str, commit: &Commit<'_>) {
        let _ = (feed, commit);
    }

    /// Messages that are no events, and need no commit: confirmations, SES's greeting.
    fn controls(&self, feed: &str, messages: usize) {
        let _ = (feed, messages);
    }

    /// A message is in the quarantine now.
    fn refused(&self, feed: &str, message: &Refused) {
        let _ = (feed, message);
    }

    /// Messages are stored and could not be acknowledged; they come again.
    fn unacknowledged(&self, feed: &str, messages: usize) {
        let _ = (feed, messages);
    }

    /// Messages were handed back to the feed, for another poller: on a shutdown, or because the database was away
    /// for long.
    fn released(&self, feed: &str, messages: usize) {
        let _ = (feed, messages);
    }

    /// A feed has changed its condition. While the database is paused, all feeds are at rest whatever theirs is.
    fn feed(&self, feed: &str, condition: Condition<'_>) {
        let _ = (feed, condition);
    }

    /// The database has changed its condition, which begins with running and is never starting, failed or ended.
    fn database(&self, condition: Condition<'_>) {
        let _ = condition;
    }
}

/// Nobody looks.
impl Observer for () {}

/// How a feed is, or the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// It is asked for the first time, or anew after it was given up: what it was before still holds, until it answers.
    Starting,
    /// It answers, as far as is known.
    Running,
    /// It does not, is tried again, and will be for as long as it takes. Why, and what to do about it.
    Paused(&'a str),
    /// It does not, and was given up. Why, and what to do about it.
    Failed(&'a str),
    /// It came to its end, or was asked to.
    Ended,
}

/// A transaction that was committed.
#[derive(Clone, Debug)]
pub struct Commit<'a> {
    /// What became of its parts.
    pub report: BatchReport,
    /// From the first attempt to the commit: waiting for others and for the database is in it.
    pub took: Duration,
    /// Its events, repeats too.
    pub events: Vec<Committed<'a>>,
}

/// An event of a transaction that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed<'a> {
    /// Its type, as the column `event_type` spells it. SES may invent others than the ten that are known.
    pub event_type: Cow<'a, str>,
    /// From the time that SES gave the event to the commit; nothing if that lies ahead.
    pub lag: Duration,
}

impl Commit<'_> {
    /// All messages of it.
    pub fn messages(&self) -> usize {
        self.events.len() + self.report.quarantined
    }
}

impl<'a> Committed<'a> {
    /// An event that is committed now.
    pub(crate) fn now(event: &'a aftersend_event::Event<'_>, now: SystemTime) -> Self {
        let occurred_at: SystemTime = event.occurred_at().into();
        Self { event_type: event.type_name(), lag: now.duration_since(occurred_at).unwrap_or_default() }
    }
}

/// A message that went into the quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where in the feed it stood.
    pub origin: String,
    /// What is wrong with it, without quoting it.
    pub reason: String,
}
