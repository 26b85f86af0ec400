//! Late events: of mails that are in the archive and not here. They are kept for its next object, those that it has left
//! aside.
//!
//! As in parking, the first record of an occurrence has its fingerprint for a key, and what else says anything of it a hash.

use std::collections::{BTreeMap, HashSet};

use aftersend_event::{Document, Event, Message};
use uuid::Uuid;

use super::{
    Arrival, Poison,
    erased::{names_any, without_erased},
    mails::Unmerged,
    merge,
    occurrence::Occurrence,
    parking::Record,
    transaction::{Intake, Said, Writer},
    unknown::Treatment,
};
use crate::{IngestError, LateEvent, Store, erase::addresses_in_json, sql::Statement};

/// How often late events are taken again because their mail had to be merged first.
const MERGE_TRIES_MAX: usize = 3;

/// The kind of feed that the quarantine notes for a late event.
const FEED: &str = "archive";

/// What became of events of mails that are in the archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LateNow {
    /// Occurrences that neither the archive has nor what waits for it.
    pub(super) new: usize,
    pub(super) repeated: usize,
}

/// Records, column by column.
#[derive(Default)]
struct LateColumns<'a> {
    record: Vec<Uuid>,
    fingerprint: Vec<Uuid>,
    mail: Vec<Uuid>,
    aws_message_id: Vec<&'a str>,
    event_data: Vec<&'a str>,
}

impl<'a> LateColumns<'a> {
    fn of(records: &BTreeMap<(Uuid, Uuid), &Record<'a>>) -> Self {
        let mut columns = Self::default();
        for (&(mail, record), Record { fingerprint, arrival }) in records {
            columns.record.push(record);
            columns.fingerprint.push(*fingerprint);
            columns.mail.push(mail);
            columns.aws_message_id.push(&arrival.event.mail.message_id);
            columns.event_data.push(arrival.json);
        }
        columns
    }
}

impl Writer<'_> {
    /// Keeps the events of these SES ids, whose mails are in the archive, each under its fingerprint.
    pub(super) async fn keep_late(
        &self,
        arrivals: &[Arrival<'_>],
        fingerprints: &[Uuid],
        archived: &BTreeMap<String, Uuid>,
    ) -> Result<LateNow, IngestError> {
        if archived.is_empty() {
            return Ok(LateNow::default());
        }
        self.hold_tombstones(archived).await?;
        let mail = |arrival: &Arrival<'_>| archived.get(&*arrival.event.mail.message_id).copied();
        let records: Vec<(Uuid, Record<'_>)> = arrivals
            .iter()
            .zip(fingerprints)
            .filter_map(|said| Some((mail(said.0)?, Record::of(said))))
            .collect();
        let mut first: BTreeMap<(Uuid, Uuid), &Record<'_>> = BTreeMap::new();
        for (mail, record) in &records {
            first.entry((*mail, record.fingerprint)).or_insert(record);
        }
        let new = self.keep_late_occurrences(&LateColumns::of(&first)).await?;
        self.keep_late_spellings(&records, &new).await?;
        Ok(LateNow { new: new.len(), repeated: records.len() - new.len() })
    }

    /// Who brings a mail back takes its tombstones away, and then what is late of it: after this, both wait for the end of
    /// this transaction.
    async fn hold_tombstones(&self, archived: &BTreeMap<String, Uuid>) -> Result<(), IngestError> {
        let (ids, mails): (Vec<&str>, Vec<Uuid>) =
            archived.iter().map(|(id, mail)| (id.as_str(), *mail)).unzip();
        let hold = self.prepare(Statement::HoldTombstones).await?;
        if self.transaction.query(&hold, &[&ids, &mails]).await?.len() == ids.len() {
            return Ok(());
        }
        Err(IngestError::Repeat(
            "a mail was brought back from the archive while events of it came".to_owned(),
        ))
    }

    /// Says which of them are new, by their fingerprints.
    async fn keep_late_occurrences(&self, first: &LateColumns<'_>) -> Result<HashSet<Uuid>, IngestError> {
        let LateColumns { fingerprint, mail, aws_message_id, event_data, .. } = first;
        let keep = self.prepare(Statement::KeepLate).await?;
        let rows = self.transaction.query(&keep, &[fingerprint, mail, aws_message_id, event_data]).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }

    /// Keeps records that say anything else than the one that was kept first, or that the archive has: a verdict that came
    /// later, the other format of SES.
    async fn keep_late_spellings(
        &self,
        records: &[(Uuid, Record<'_>)],
        new: &HashSet<Uuid>,
    ) -> Result<(), IngestError> {
        let mut first_of_new: HashSet<Uuid> = HashSet::new();
        let mut further: BTreeMap<(Uuid, Uuid), &Record<'_>> = BTreeMap::new();
        for (mail, record) in records {
            // Of an occurrence that was kept just now, the first of the batch is the one that was.
            if !(new.contains(&record.fingerprint) && first_of_new.insert(record.fingerprint)) {
                further.insert((*mail, record.key()), record);
            }
        }
        if further.is_empty() {
            return Ok(());
        }
        let LateColumns { record, fingerprint, mail, aws_message_id, event_data } = LateColumns::of(&further);
        let keep = self.prepare(Statement::KeepLateSpellings).await?;
        self.transaction
            .execute(&keep, &[&record, &fingerprint, &mail, &aws_message_id, &event_data])
            .await?;
        Ok(())
    }
}

/// Stores late events with their mails, in one transaction, and says how many; those whose mails are not here stay where
/// they are.
pub(crate) async fn join(store: &Store, events: &[LateEvent]) -> Result<usize, IngestError> {
    for _ in 0..MERGE_TRIES_MAX {
        match store.in_time(Box::pin(try_join(store, events))).await? {
            Ok(joined) => return Ok(joined),
            Err(unmerged) => {
                for unmerged in &unmerged {
                    merge::merge(store, unmerged).await?;
                }
            }
        }
    }
    Err(IngestError::Repeat("mails that were made from events are being merged".to_owned()))
}

async fn try_join(store: &Store, late: &[LateEvent]) -> Result<Result<usize, Vec<Unmerged>>, IngestError> {
    let mut client = store.writer().await?;
    let writer = Writer { store, transaction: client.build_transaction().start().await? };
    // They may come from an object that was written before somebody was erased.
    let addresses = || late.iter().flat_map(|event| addresses_in_json(&event.event_data)).collect();
    let erased = writer.find_erased(addresses).await?;
    let jsons: Vec<Option<String>> =
        late.iter().map(|event| without_erased(&event.event_data, &erased)).collect();
    let mut poisons: Vec<Poison<'_>> = Vec::new();
    let mut documents: Vec<(&LateEvent, Document<'_>)> = Vec::with_capacity(late.len());
    for (event, json) in late.iter().zip(&jsons) {
        match aftersend_event::read(json.as_deref().unwrap_or(&event.event_data).as_bytes()) {
            Ok(Message::Event(document)) => documents.push((event, document)),
            Ok(Message::Control(_)) => poisons.push(poison(event, "it is no event".to_owned())),
            Err(error) => poisons.push(poison(event, error.to_string())),
        }
    }
    let mut read: Vec<(&LateEvent, &str, Event<'_>)> = Vec::with_capacity(documents.len());
    for (late, document) in &documents {
        match document.event() {
            Ok(event) => read.push((late, document.storable_json(), event)),
            Err(error) => poisons.push(poison(late, error.to_string())),
        }
    }
    let arrivals: Vec<Arrival<'_>> = read.iter().map(|(_, json, event)| Arrival { event, json }).collect();
    let records =
        arrivals.iter().zip(&read).map(|(arrival, (late, ..))| Occurrence::parked(arrival, late.fingerprint));
    let said = Said::of(store, &arrivals, records);

    let taken_in = match writer.take_in(said, Treatment::Leave).await? {
        Intake::Taken(taken_in) => taken_in,
        Intake::Unmerged(unmerged) => return Ok(Err(unmerged)),
    };
    let unnamed: Vec<Poison<'_>> =
        poisons.iter().filter(|poison| !names_any(poison.body, &erased)).cloned().collect();
    writer.quarantine(&unnamed).await?;
    let waits = |event: &Event<'_>| {
        let id = &*event.mail.message_id;
        taken_in.unknown.contains(id) || taken_in.archived.contains_key(id)
    };
    let is_done =
        |late: &&LateEvent| !read.iter().any(|(read, _, event)| read.record == late.record && waits(event));
    let done: Vec<&LateEvent> = late.iter().filter(is_done).collect();
    let mails: Vec<Uuid> = done.iter().map(|late| late.mail).collect();
    let records: Vec<Uuid> = done.iter().map(|late| late.record).collect();
    let drop_late = writer.prepare(Statement::DropLate).await?;
    writer.transaction.execute(&drop_late, &[&mails, &records]).await?;
    writer.commit_events(taken_in.fates.earliest).await?;
    Ok(Ok(done.len() - poisons.len()))
}

fn poison(late: &LateEvent, reason: String) -> Poison<'_> {
    let origin = format!("late event {} of mail {}", late.record, late.mail).into();
    Poison { body: late.event_data.as_bytes(), reason, feed: FEED, origin }
}
