//! Parked events join their mail once it is known, and mails that were made from events are merged with the rows that
//! an application logs after all.
//!
//! Any number of processes may do this at once, beside any number that store events: what one has taken, others skip.

use aftersend_event::{Document, Event, Message};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Arrival, Poison,
    mails::Unmerged,
    merge,
    occurrence::Occurrence,
    transaction::{Intake, Said, Writer},
    unknown::{Policy, Treatment},
};
use crate::{IngestError, Store, sql::Statement};

/// SES ids with parked events that a round looks at.
const ROUND_PARKED_IDS_MAX: i64 = 2_000;

/// SES ids of mails made from events that a round looks at.
const ROUND_CREATED_IDS_MAX: i64 = 5_000;

/// SES ids whose events are joined in one transaction at most.
const JOIN_IDS_MAX: usize = 100;

/// Parked events that are joined in one transaction at most.
const JOIN_EVENTS_MAX: i64 = 200;

/// How many parts of a round may be put off one by one; what stands in the way of more is no matter of single mails.
const PUT_OFF_MAX: usize = 8;

/// How often events are taken again because their mail had to be merged first.
const MERGE_TRIES_MAX: usize = 3;

/// The kind of feed that the quarantine notes for a parked event.
const FEED: &str = "parked";

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinReport {
    /// Parked records that are with their mail now, or whose mail is in the archive or was removed on purpose.
    pub joined: usize,
    /// Mails made from events that were merged with the row of an application's.
    pub merged: usize,
    /// Parked records that can't be read or stored, and are in the quarantine now.
    pub quarantined: usize,
    /// Parts that stay for another round, since another transaction stood in the way.
    pub put_off: usize,
    /// Whether all that was parked has been looked at since the joiner last began with the first of it.
    pub is_through: bool,
}

impl std::ops::AddAssign for JoinReport {
    fn add_assign(&mut self, other: Self) {
        self.joined += other.joined;
        self.merged += other.merged;
        self.quarantined += other.quarantined;
        self.put_off += other.put_off;
        self.is_through = other.is_through;
    }
}

/// Goes through what is parked, some of it each round, and begins again at its end.
#[derive(Debug)]
pub struct Joiner {
    store: Store,
    /// The last SES ids that were looked at.
    parked_after: String,
    created_after: String,
}

impl Joiner {
    /// A joiner for a store, with the store's rule for unknown mails.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), parked_after: String::new(), created_after: String::new() }
    }

    /// One round: bounded, in transactions as short as those of a batch.
    ///
    /// Cancel-safe: what was committed is done, and the rest is there for the next round. Each transaction has the time
    /// of a batch: a database that does not answer at all is given up after a minute or so.
    ///
    /// # Errors
    ///
    /// When the database can't be asked what there is to do. What merely stands in the way of some mails is put off.
    pub async fn round(&mut self) -> Result<JoinReport, IngestError> {
        // Its states are many: kept on the heap, those of its callers stay small.
        let report = Box::pin(self.join_and_merge()).await;
        self.store.renew_writers_after(&report);
        report
    }

    async fn join_and_merge(&mut self) -> Result<JoinReport, IngestError> {
        let policy = self.store.in_time(self.store.policy()).await?;
        let mut report = self.join_parked(policy).await?;
        self.merge_created(&mut report).await?;
        Ok(report)
    }

    async fn join_parked(&mut self, policy: Policy) -> Result<JoinReport, IngestError> {
        let page = self.store.in_time(self.find_joinable(policy)).await?;
        let mut work = Work { store: &self.store, report: JoinReport::default() };
        work.join(&page.known, Treatment::Leave).await?;
        work.join(&page.waited, policy.waited).await?;
        let is_through = page.ids < ROUND_PARKED_IDS_MAX;
        self.parked_after = if is_through { String::new() } else { page.last };
        Ok(JoinReport { is_through, ..work.report })
    }

    async fn find_joinable(&self, policy: Policy) -> Result<Page, IngestError> {
        let client = self.store.writer().await?;
        let find = client.prepare_cached(self.store.sql(Statement::FindJoinable)).await?;
        let park_for_s = policy.park_for.as_secs_f64();
        let rows = client.query(&find, &[&self.parked_after, &ROUND_PARKED_IDS_MAX, &park_for_s]).await?;
        let mut page = Page::default();
        for row in &rows {
            page.ids = row.try_get("ids")?;
            page.last = row.try_get::<_, Option<String>>("last")?.unwrap_or_default();
            // None of those that were looked at is joinable.
            let Some(id) = row.try_get::<_, Option<String>>("aws_message_id")? else { continue };
            let has_waited: bool = row.try_get("has_waited")?;
            if has_waited { page.waited.push(id) } else { page.known.push(id) }
        }
        Ok(page)
    }

    async fn find_mergeable(&self) -> Result<Vec<Row>, IngestError> {
        let client = self.store.writer().await?;
        let find = client.prepare_cached(self.store.sql(Statement::FindMergeable)).await?;
        Ok(client.query(&find, &[&self.created_after, &ROUND_CREATED_IDS_MAX]).await?)
    }

    async fn merge_created(&mut self, report: &mut JoinReport) -> Result<(), IngestError> {
        let rows = self.store.in_time(self.find_mergeable()).await?;
        let mut ids = 0;
        let mut last = None;
        for row in &rows {
            ids = row.try_get("ids")?;
            last = row.try_get("last")?;
            let Some(unmerged) = unmerged(row)? else { continue };
            match merge::merge(&self.store, &unmerged).await {
                Ok(is_merged) => report.merged += usize::from(is_merged),
                Err(IngestError::Repeat(reason)) => {
                    tracing::debug!(reason, mail = %unmerged.created, "a merge is put off");
                    report.put_off += 1;
                    if report.put_off > PUT_OFF_MAX {
                        break;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let is_through = ids < ROUND_CREATED_IDS_MAX;
        self.created_after = if is_through { String::new() } else { last.unwrap_or_default() };
        Ok(())
    }
}

/// Joins at once what is parked under these SES ids, whose mails are known. What another transaction stands in the way of
/// is left to the next round of a [`Joiner`].
pub(crate) async fn join_now(store: &Store, ids: &[String]) -> Result<JoinReport, IngestError> {
    let mut work = Work { store, report: JoinReport::default() };
    work.join(ids, Treatment::Leave).await?;
    Ok(work.report)
}

fn unmerged(row: &Row) -> Result<Option<Unmerged>, tokio_postgres::Error> {
    let id: Option<String> = row.try_get("aws_message_id")?;
    let created: Option<Uuid> = row.try_get("created")?;
    Ok(id.zip(created).map(|(aws_message_id, created)| Unmerged { aws_message_id, created }))
}

/// SES ids with events that may leave the parking.
#[derive(Default)]
struct Page {
    /// How many ids were looked at, and the last of them.
    ids: i64,
    last: String,
    /// Those whose mail is known.
    known: Vec<String>,
    /// Those whose events have waited for long enough, whether or not their mail is known.
    waited: Vec<String>,
}

/// A round at work.
struct Work<'a> {
    store: &'a Store,
    report: JoinReport,
}

/// What one transaction took from the parking.
#[derive(Default)]
struct Part {
    taken: usize,
    /// The last key, by which the next part goes on.
    last: Uuid,
    joined: usize,
    quarantined: usize,
}

impl Work<'_> {
    /// Joins the events of these mails: as many as go into a transaction, and fewer where one of them stands in the
    /// way of the others.
    async fn join(&mut self, ids: &[String], treatment: Treatment) -> Result<(), IngestError> {
        let mut parts: Vec<&[String]> = ids.chunks(JOIN_IDS_MAX).rev().collect();
        while let Some(part) = parts.pop() {
            match self.join_events(part, treatment, JOIN_EVENTS_MAX).await {
                Ok(()) => {}
                Err(IngestError::Data(_)) if part.len() == 1 => self.join_singly(part, treatment).await?,
                Err(IngestError::Data(_) | IngestError::Repeat(_))
                    if part.len() > 1 && self.report.put_off < PUT_OFF_MAX =>
                {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(IngestError::Data(reason) | IngestError::Repeat(reason)) => self.put_off(&reason),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn put_off(&mut self, reason: &str) {
        tracing::debug!(reason, "parked events are put off");
        self.report.put_off += 1;
    }

    /// Joins all events of these mails, some per transaction.
    async fn join_events(
        &mut self,
        ids: &[String],
        treatment: Treatment,
        events_max: i64,
    ) -> Result<(), IngestError> {
        let mut after = Uuid::nil();
        loop {
            let part = self.join_part(ids, treatment, after, events_max).await?;
            self.report.joined += part.joined;
            self.report.quarantined += part.quarantined;
            if i64::try_from(part.taken).is_ok_and(|taken| taken < events_max) {
                return Ok(());
            }
            after = part.last;
        }
    }

    /// Joins the events of one mail one by one; what PostgreSQL refuses goes into the quarantine.
    async fn join_singly(&mut self, id: &[String], treatment: Treatment) -> Result<(), IngestError> {
        let mut after = Uuid::nil();
        loop {
            let part = match self.join_part(id, treatment, after, 1).await {
                Err(IngestError::Data(reason)) => {
                    let reason = format!("PostgreSQL can't hold it: {reason}");
                    self.store.in_time(self.quarantine_next(id, after, &reason)).await
                }
                part => part,
            };
            match part {
                Ok(part) if part.taken == 0 => return Ok(()),
                Ok(part) => {
                    self.report.joined += part.joined;
                    self.report.quarantined += part.quarantined;
                    after = part.last;
                }
                Err(IngestError::Data(reason) | IngestError::Repeat(reason)) => {
                    self.put_off(&reason);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One transaction, again where a mail had to be merged first.
    async fn join_part(
        &self,
        ids: &[String],
        treatment: Treatment,
        after: Uuid,
        events_max: i64,
    ) -> Result<Part, IngestError> {
        for _ in 0..MERGE_TRIES_MAX {
            let unmerged =
                match self.store.in_time(Box::pin(self.try_part(ids, treatment, after, events_max))).await? {
                    Ok(part) => return Ok(part),
                    Err(unmerged) => unmerged,
                };
            for unmerged in &unmerged {
                merge::merge(self.store, unmerged).await?;
            }
        }
        Err(IngestError::Repeat("mails that were made from events are being merged".to_owned()))
    }

    async fn try_part(
        &self,
        ids: &[String],
        treatment: Treatment,
        after: Uuid,
        events_max: i64,
    ) -> Result<Result<Part, Vec<Unmerged>>, IngestError> {
        let mut client = self.store.writer().await?;
        let writer = Writer { store: self.store, transaction: client.build_transaction().start().await? };
        let rows = writer.take_parked(ids, after, events_max).await?;
        let Some(last) = rows.last().map(|row| row.uuid) else { return Ok(Ok(Part::default())) };

        let mut poisons: Vec<Poison<'_>> = Vec::new();
        let mut documents: Vec<(&ParkedRow, Document<'_>)> = Vec::with_capacity(rows.len());
        for row in &rows {
            match aftersend_event::read(row.json.as_bytes()) {
                Ok(Message::Event(document)) => documents.push((row, document)),
                Ok(Message::Control(_)) => poisons.push(row.poison("it is no event".to_owned())),
                Err(error) => poisons.push(row.poison(error.to_string())),
            }
        }
        let mut read: Vec<(&ParkedRow, &str, Event<'_>)> = Vec::with_capacity(documents.len());
        for (row, document) in &documents {
            match document.event() {
                Ok(event) => read.push((row, document.storable_json(), event)),
                Err(error) => poisons.push(row.poison(error.to_string())),
            }
        }
        let arrivals: Vec<Arrival<'_>> =
            read.iter().map(|(_, json, event)| Arrival { event, json }).collect();
        let records = arrivals
            .iter()
            .zip(&read)
            .map(|(arrival, (row, ..))| Occurrence::parked(arrival, row.fingerprint));
        let said = Said::of(self.store, &arrivals, records);
        // Nothing is blocked: that was done when they were parked, and may have been undone by a person since.
        let taken_in = match writer.take_in(said, treatment).await? {
            Intake::Taken(taken_in) => taken_in,
            Intake::Unmerged(unmerged) => return Ok(Err(unmerged)),
        };
        let fingerprints: Vec<Uuid> = read.iter().map(|(row, ..)| row.fingerprint).collect();
        writer.keep_late(&arrivals, &fingerprints, &taken_in.archived).await?;
        writer.quarantine(&poisons).await?;

        // Those whose mail has gone again since they were found joinable wait on.
        let waits = |event: &Event<'_>| taken_in.unknown.contains(&*event.mail.message_id);
        let joined = read.iter().filter(|(_, _, event)| !waits(event)).map(|(row, ..)| row.uuid);
        let unread = rows.iter().filter(|row| !read.iter().any(|(read, ..)| read.uuid == row.uuid));
        let mut gone: Vec<Uuid> = joined.collect();
        let part = Part { taken: rows.len(), last, joined: gone.len(), quarantined: poisons.len() };
        gone.extend(unread.map(|row| row.uuid));
        // Last of all: nobody may be waited for by whoever waits for a row that is on its way out.
        writer.unpark(&gone).await?;
        writer.commit_events(taken_in.fates.earliest).await?;
        Ok(Ok(part))
    }

    /// Puts the next parked event of these mails into the quarantine, if there is one.
    async fn quarantine_next(&self, ids: &[String], after: Uuid, reason: &str) -> Result<Part, IngestError> {
        let mut client = self.store.writer().await?;
        let writer = Writer { store: self.store, transaction: client.build_transaction().start().await? };
        let rows = writer.take_parked(ids, after, 1).await?;
        let poisons: Vec<Poison<'_>> = rows.iter().map(|row| row.poison(reason.to_owned())).collect();
        writer.quarantine(&poisons).await?;
        let gone: Vec<Uuid> = rows.iter().map(|row| row.uuid).collect();
        writer.unpark(&gone).await?;
        writer.transaction.commit().await?;
        let last = gone.last().copied().unwrap_or_default();
        Ok(Part { taken: gone.len(), last, joined: 0, quarantined: gone.len() })
    }
}

/// A parked event, locked.
struct ParkedRow {
    uuid: Uuid,
    fingerprint: Uuid,
    json: String,
}

impl ParkedRow {
    fn poison(&self, reason: String) -> Poison<'_> {
        let origin = format!("parked event {}", self.uuid).into();
        Poison { body: self.json.as_bytes(), reason, feed: FEED, origin }
    }
}

impl Writer<'_> {
    async fn take_parked(
        &self,
        ids: &[String],
        after: Uuid,
        events_max: i64,
    ) -> Result<Vec<ParkedRow>, IngestError> {
        let take = self.prepare(Statement::TakeParked).await?;
        let rows = self.transaction.query(&take, &[&ids, &after, &events_max]).await?;
        let parked = |row: &Row| {
            Ok(ParkedRow {
                uuid: row.try_get("uuid")?,
                fingerprint: row.try_get("fingerprint")?,
                json: row.try_get("event_data")?,
            })
        };
        rows.iter().map(parked).collect()
    }

    async fn unpark(&self, uuids: &[Uuid]) -> Result<(), IngestError> {
        let unpark = self.prepare(Statement::Unpark).await?;
        self.transaction.execute(&unpark, &[&uuids]).await?;
        Ok(())
    }
}
