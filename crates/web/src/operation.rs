//! What a program's feeds do, as the site shows it. The site watches nothing itself: whoever runs the feeds tells.

use std::{sync::Arc, time::Duration};

use aftersend_store::{Parked, QuarantineFilter, QuarantineSize, QueryError, Store};
use axum::extract::FromRef;
use jiff::Timestamp;

use crate::{Rereading, Upkeep, bodies::Bodies, notes::Notes};

/// How long a probe or a scrape waits for the database. Below the ten seconds that Prometheus gives a scrape.
/// <https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config>
const ANSWER_WAIT_MS_MAX: u64 = 5_000;

/// What the site is told of the program around it. Called while a request waits: a method returns at once.
pub trait Operation: Send + Sync {
    /// The feeds that this program has run, in the order that people are to see.
    fn feeds(&self) -> Vec<FeedStatus>;

    /// Why the database takes no events, while that is so.
    fn database_trouble(&self) -> Option<String>;

    /// All metrics in Prometheus' text format, with what was read from the database for this scrape.
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/>
    fn metrics(&self, readings: &Readings) -> String;
}

/// A program without feeds and metrics.
impl Operation for () {
    fn feeds(&self) -> Vec<FeedStatus> {
        Vec::new()
    }

    fn database_trouble(&self) -> Option<String> {
        None
    }

    fn metrics(&self, _readings: &Readings) -> String {
        String::new()
    }
}

/// How a feed is. No part of it holds an address, a subject or a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedStatus {
    /// The name that the configuration gives it.
    pub name: String,
    /// Whether it delivers.
    pub condition: FeedCondition,
    /// Since when.
    pub since: Timestamp,
    /// When it last delivered a message.
    pub last_message_at: Option<Timestamp>,
    /// What became of its messages.
    pub counts: FeedCounts,
    /// What waits in it, as it was last told; nothing if it is no queue, or does not tell.
    pub depth: Option<FeedDepth>,
    /// What last went wrong, and when.
    pub last_error: Option<(String, Timestamp)>,
}

/// Whether a feed delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedCondition {
    /// It was asked and has not answered yet.
    Starting,
    /// It answers, as far as is known.
    Running,
    /// It does not answer and is tried again.
    Paused,
    /// It was given up, or is tried again only after a while. That it is tried does not change this, that it answers
    /// does.
    Failed,
    /// It came to its end.
    Ended,
}

/// Messages that a queue holds, about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedDepth {
    /// That the next receive may get.
    pub waiting: u64,
    /// That were received, here or elsewhere, and are neither deleted nor handed back.
    pub in_flight: u64,
    /// That may not be received yet.
    pub delayed: u64,
}

/// Messages of a feed since the program began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedCounts {
    /// That the feed has delivered.
    pub received: u64,
    /// Events that were new and have a row of their own.
    pub stored: u64,
    /// Events that were known.
    pub repeated: u64,
    /// Events that were new and stand beside another.
    pub folded: u64,
    /// Events that were new and wait for their mail.
    pub parked: u64,
    /// Events of mails that are in the archive or were removed on purpose.
    pub late: u64,
    /// No events.
    pub control: u64,
    /// Messages that went into the quarantine.
    pub quarantined: u64,
    /// Stored, but not acknowledged: they come again.
    pub unacknowledged: u64,
    /// Handed back to the feed.
    pub released: u64,
}

/// What a scrape reads from the database.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Readings {
    /// Events that wait for their mail; nothing if the database did not say.
    pub parked: Option<Parked>,
    /// The quarantine, and for how many seconds its oldest message has been there; nothing if the database did not say.
    pub quarantined: Option<(QuarantineSize, f64)>,
}

/// What pages are made from. Cheap to clone.
#[derive(Clone)]
pub struct Site {
    store: Store,
    operation: Arc<dyn Operation>,
    rereading: Arc<dyn Rereading>,
    notes: Arc<Notes>,
    bodies: Bodies,
    upkeep: Arc<Upkeep>,
}

impl Site {
    /// A site over a store, in a program that runs feeds.
    pub fn new(store: Store, operation: Arc<dyn Operation>) -> Self {
        Self {
            store,
            operation,
            rereading: Arc::new(()),
            notes: Arc::default(),
            bodies: Bodies::new(),
            upkeep: Arc::default(),
        }
    }

    /// The same site, on which messages of the quarantine can be read anew.
    #[must_use]
    pub fn with_rereading(self, rereading: Arc<dyn Rereading>) -> Self {
        Self { rereading, ..self }
    }

    /// The same site, which tells what this program is set to do with old mail.
    #[must_use]
    pub fn with_upkeep(self, upkeep: Upkeep) -> Self {
        Self { upkeep: Arc::new(upkeep), ..self }
    }

    pub(crate) fn upkeep(&self) -> &Upkeep {
        &self.upkeep
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn rereading(&self) -> &dyn Rereading {
        &*self.rereading
    }

    pub(crate) fn operation(&self) -> &dyn Operation {
        &*self.operation
    }

    /// Reads what waits in the database. The error is the first one, as a sentence; what could be read is there.
    pub(crate) async fn read(&self) -> (Readings, Option<String>) {
        let quarantine = QuarantineFilter::default();
        let both =
            async { tokio::join!(self.store.parked(), self.store.count_quarantined(&quarantine, None)) };
        let Ok((parked, quarantined)) = tokio::time::timeout(answer_wait(), both).await else {
            return (Readings::default(), Some(not_in_time()));
        };
        let error = [parked.as_ref().err(), quarantined.as_ref().err()].into_iter().flatten().next();
        let error = error.map(QueryError::to_string);
        let now = Timestamp::now();
        let readings = Readings {
            parked: parked.ok(),
            quarantined: quarantined.ok().map(|size| {
                let age = size.oldest_received_at.map(|oldest| now.duration_since(oldest));
                (size, age.map_or(0.0, |age| age.as_secs_f64().max(0.0)))
            }),
        };
        (readings, error)
    }

    /// Why events are not taken in or mails not shown, a sentence each; none if all is well.
    pub(crate) async fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        match tokio::time::timeout(answer_wait(), self.store.require_schema()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => troubles.push(error.to_string()),
            Err(_) => troubles.push(not_in_time()),
        }
        troubles.extend(
            self.operation
                .database_trouble()
                .map(|trouble| format!("the database takes no events: {trouble}")),
        );
        let feeds = self.operation.feeds();
        let failed = feeds.iter().filter(|feed| feed.condition == FeedCondition::Failed);
        troubles.extend(failed.map(|feed| {
            let reason = feed.last_error.as_ref().map_or("its log says why", |(error, _)| error);
            format!("the feed {} has failed: {reason}", feed.name)
        }));
        troubles
    }
}

pub(crate) fn answer_wait() -> Duration {
    Duration::from_millis(ANSWER_WAIT_MS_MAX)
}

pub(crate) fn not_in_time() -> String {
    format!("the database does not answer within {} s", ANSWER_WAIT_MS_MAX / 1_000)
}

/// In a program that runs no feed.
impl From<Store> for Site {
    fn from(store: Store) -> Self {
        Self::new(store, Arc::new(()))
    }
}

impl FromRef<Site> for Store {
    fn from_ref(site: &Site) -> Self {
        site.store.clone()
    }
}

impl FromRef<Site> for Arc<Notes> {
    fn from_ref(site: &Site) -> Self {
        Arc::clone(&site.notes)
    }
}

impl FromRef<Site> for Bodies {
    fn from_ref(site: &Site) -> Self {
        site.bodies.clone()
    }
}
