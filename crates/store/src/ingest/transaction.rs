//! The transaction that stores a batch, statement by statement.
//!
//! Under READ COMMITTED, with any number of racing connections. What makes it safe is the order: unknown mails
//! are made before any row is locked; then all mails of the batch are locked in the order of their uuids, and
//! from there on racing batches wait for each other mail by mail; what merges need is read under those locks;
//! every other set is written in the order of its key.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aftersend_event::BlockReason;
use deadpool_postgres::Transaction;
use sha2::{Digest, Sha256};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{
    Arrival, Batch, BatchReport, Poison,
    erased::{addresses_in_batch, events_of, fingerprint, json_without, names_any, reread},
    events::{Fates, Owners},
    facts::{Facts, Said as Worded, cut_for_column, storable},
    mail_columns::MailColumns,
    mails::{LockedMail, Looked, Mails, Unmerged},
    marks::Marks,
    occurrence::{Occurrence, distinct},
    recipients::{FatesByMail, fates_by_mail},
    unknown::Treatment,
};
use crate::{IngestError, Store, erase::ErasedPerson, sql::Statement};

/// What came of a batch.
pub(super) enum Outcome {
    Stored(BatchReport),
    /// Nothing yet: these mails must be merged first.
    Unmerged(Vec<Unmerged>),
}

/// Runs one batch.
pub(super) async fn run(store: &Store, batch: &Batch<'_>) -> Result<Outcome, IngestError> {
    let policy = store.policy().await?;
    let mut client = store.writer().await?;
    let writer = Writer { store, transaction: client.build_transaction().start().await? };
    let erased = writer.find_erased(|| addresses_in_batch(batch)).await?;
    if erased.is_empty() {
        let fingerprints: Vec<Uuid> = batch.arrivals.iter().map(fingerprint).collect();
        return writer.store_batch(batch, &fingerprints, policy.arriving, &[], batch).await;
    }
    // What names somebody who was erased is stored without that, under the fingerprint that it had.
    let jsons: Vec<Option<String>> =
        batch.arrivals.iter().map(|arrival| json_without(arrival, &erased)).collect();
    let documents = reread(&jsons)?;
    let events = events_of(&documents)?;
    let arrivals =
        batch.arrivals.iter().zip(&jsons).zip(&events).map(|((arrival, json), event)| match (json, event) {
            (Some(json), Some(event)) => Arrival { event, json },
            _ => *arrival,
        });
    let poisons = batch.poisons.iter().filter(|poison| !names_any(poison.body, &erased)).cloned();
    let cleaned = Batch { arrivals: arrivals.collect(), poisons: poisons.collect() };
    let fingerprints: Vec<Uuid> = batch.arrivals.iter().map(fingerprint).collect();
    writer.store_batch(&cleaned, &fingerprints, policy.arriving, &erased, batch).await
}

/// What events say, of mails and by themselves.
pub(super) struct Said<'a> {
    facts: BTreeMap<String, Facts>,
    recipients: FatesByMail<'a>,
    occurrences: Vec<Occurrence<'a>>,
}

impl<'a> Said<'a> {
    /// `records` are what the events tell of occurrences, one each.
    pub(super) fn of(
        store: &Store,
        arrivals: &[Arrival<'a>],
        records: impl ExactSizeIterator<Item = Occurrence<'a>>,
    ) -> Self {
        Self {
            facts: facts_by_mail(store, arrivals),
            recipients: fates_by_mail(arrivals),
            occurrences: distinct(records),
        }
    }
}

/// What came of taking events in.
pub(super) enum Intake {
    Taken(Box<TakenIn>),
    /// Nothing: these mails must be merged first.
    Unmerged(Vec<Unmerged>),
}

/// What became of events whose mails are locked now, and which have none.
pub(super) struct TakenIn {
    pub(super) fates: Fates,
    /// Occurrences of mails that are known.
    pub(super) known: usize,
    /// SES ids that lead to no mail.
    pub(super) unknown: BTreeSet<String>,
    /// SES ids whose mails were removed on purpose: nothing of their events is kept.
    pub(super) removed: BTreeSet<String>,
    /// SES ids whose mails are in the archive, and these mails.
    pub(super) archived: BTreeMap<String, Uuid>,
}

/// The last look before the commit: each event of the batch is accounted for once.
fn require_sum(batch: &Batch<'_>, report: &BatchReport) -> Result<(), IngestError> {
    let received = batch.arrivals.len() + batch.poisons.len();
    let accounted =
        report.stored + report.repeated + report.folded + report.parked + report.late + report.quarantined;
    if accounted == received {
        return Ok(());
    }
    Err(IngestError::Unaccounted { received, accounted })
}

/// What the batch says of each mail, by SES id: all events count, repeats too.
fn facts_by_mail(store: &Store, arrivals: &[Arrival<'_>]) -> BTreeMap<String, Facts> {
    let mut mails: BTreeMap<String, Facts> = BTreeMap::new();
    for arrival in arrivals {
        let facts = Facts::of(arrival.event, &store.tag_names);
        match mails.get_mut(&*arrival.event.mail.message_id) {
            Some(known) => known.merge(&facts, Worded::NOTHING),
            None => {
                mails.insert(arrival.event.mail.message_id.to_string(), facts);
            }
        }
    }
    mails
}

pub(crate) struct Writer<'a> {
    pub(crate) store: &'a Store,
    pub(crate) transaction: Transaction<'a>,
}

impl Writer<'_> {
    /// Stores a batch. `received` is the batch as it came, from which people who were erased are taken out already.
    async fn store_batch(
        self,
        batch: &Batch<'_>,
        fingerprints: &[Uuid],
        treatment: Treatment,
        erased: &[ErasedPerson],
        received: &Batch<'_>,
    ) -> Result<Outcome, IngestError> {
        // What needs no database is done before any lock is held.
        let records = batch.arrivals.iter().zip(fingerprints);
        let records = records.map(|(arrival, fingerprint)| Occurrence::parked(arrival, *fingerprint));
        let said = Said::of(self.store, &batch.arrivals, records);
        let taken_in = match self.take_in(said, treatment).await? {
            Intake::Taken(taken_in) => taken_in,
            Intake::Unmerged(unmerged) => return Ok(Outcome::Unmerged(unmerged)),
        };
        let TakenIn { fates, known, unknown, removed, archived } = *taken_in;
        let parked = self.park(&batch.arrivals, fingerprints, &unknown).await?;
        let late = self.keep_late(&batch.arrivals, fingerprints, &archived).await?;
        self.block(batch, erased).await?;
        self.quarantine(&batch.poisons).await?;

        let count = |is_meant: &dyn Fn(&str) -> bool| {
            batch.arrivals.iter().filter(|arrival| is_meant(&arrival.event.mail.message_id)).count()
        };
        let of_removed = count(&|id| removed.contains(id));
        let of_known =
            count(&|id| !removed.contains(id) && !unknown.contains(id) && !archived.contains_key(id));
        let report = BatchReport {
            stored: fates.stored.len(),
            folded: fates.folded.len(),
            // Known to the database, or several times in the batch.
            repeated: fates.repeated + (of_known - known) + parked.repeated + late.repeated,
            parked: parked.new,
            late: late.new + of_removed,
            quarantined: received.poisons.len(),
        };
        require_sum(received, &report)?;
        self.commit_events(fates.earliest).await?;
        Ok(Outcome::Stored(report))
    }

    pub(crate) async fn prepare(
        &self,
        statement: Statement,
    ) -> Result<tokio_postgres::Statement, IngestError> {
        Ok(self.transaction.prepare_cached(self.store.sql(statement)).await?)
    }

    /// Finds and locks the mails, stores their occurrences, and merges into the mails what the events say.
    pub(super) async fn take_in(&self, said: Said<'_>, treatment: Treatment) -> Result<Intake, IngestError> {
        let Said { facts, recipients, mut occurrences } = said;
        let mails = match self.lock_mails(&facts, treatment).await? {
            Looked::Ready(mails) => mails,
            Looked::Unmerged(unmerged) => return Ok(Intake::Unmerged(unmerged)),
        };
        let owners: Owners<'_> = mails.locked.iter().flat_map(LockedMail::owners).collect();
        occurrences.retain(|occurrence| owners.contains_key(occurrence.aws_message_id));
        let mut fates = self.store_occurrences(&occurrences, &owners).await?;
        let mut marks = self.merge_mails(&facts, &mails.locked).await?;
        let told = self.merge_recipients(&recipients, &owners).await?;
        mark_touched(&mut marks, &mails.locked, &[&fates.touched, &told]);
        self.mark_figures(marks).await?;
        if treatment != Treatment::InColumn {
            self.remember_ids(&mails).await?;
            self.count_once(&occurrences, &owners, &mut fates).await?;
        }
        let Mails { unknown, removed, archived, .. } = mails;
        let known = occurrences.len();
        Ok(Intake::Taken(Box::new(TakenIn { fates, known, unknown, removed, archived })))
    }

    /// Writes back the mails that the batch's events change, and says when those were sent whose figures that changes.
    pub(super) async fn merge_mails(
        &self,
        facts: &BTreeMap<String, Facts>,
        mails: &[LockedMail],
    ) -> Result<Marks, IngestError> {
        let mut marks = Marks::default();
        let mut columns = MailColumns::default();
        let merged: Vec<(&LockedMail, Facts, String)> =
            mails.iter().filter_map(|mail| changed(mail, facts)).collect();
        for (mail, facts, status) in &merged {
            columns.push(mail.uuid, facts, status.clone());
            marks.touch(mail.uuid);
            if !facts.count_as(&mail.facts) {
                marks.add(mail.facts.described.sent_at);
                marks.add(facts.described.sent_at);
            }
        }
        if merged.is_empty() {
            return Ok(marks);
        }
        let update = self.prepare(Statement::UpdateMails).await?;
        let key: [&(dyn ToSql + Sync); 1] = [&columns.uuid];
        let parameters: Vec<_> = key.into_iter().chain(columns.parameters()).collect();
        self.transaction.execute(&update, &parameters).await?;
        Ok(marks)
    }

    /// Blocks the addresses that the batch's events speak against, each for its strongest reason.
    ///
    /// Somebody who was erased is blocked by a hash.
    async fn block(&self, batch: &Batch<'_>, erased: &[ErasedPerson]) -> Result<(), IngestError> {
        let mut wanted: BTreeMap<String, BlockReason> = BTreeMap::new();
        for (address, reason) in batch.arrivals.iter().flat_map(|arrival| arrival.event.blocks()) {
            let strongest = wanted.entry(cut_for_column(&address)).or_insert(reason);
            *strongest = (*strongest).max(reason);
        }
        self.block_erased(&mut wanted, erased).await?;
        if wanted.is_empty() {
            return Ok(());
        }
        let uuids: Vec<Uuid> = wanted.iter().map(|_| Uuid::now_v7()).collect();
        let addresses: Vec<&str> = wanted.keys().map(String::as_str).collect();
        let reasons: Vec<&str> = wanted.values().map(|reason| reason.name()).collect();
        let strengths: Vec<i32> = wanted.values().copied().map(strength).collect();
        let block = self.prepare(Statement::BlockAddresses).await?;
        self.transaction.execute(&block, &[&uuids, &addresses, &reasons, &strengths]).await?;
        Ok(())
    }

    pub(super) async fn quarantine(&self, poisons: &[Poison<'_>]) -> Result<(), IngestError> {
        let mut bodies: BTreeMap<[u8; 32], (&Poison<'_>, i64)> = BTreeMap::new();
        for poison in poisons {
            bodies.entry(Sha256::digest(poison.body).into()).or_insert((poison, 0)).1 += 1;
        }
        if bodies.is_empty() {
            return Ok(());
        }
        let hashes: Vec<&[u8]> = bodies.keys().map(<[u8; 32]>::as_slice).collect();
        let uuids: Vec<Uuid> = bodies.iter().map(|_| Uuid::now_v7()).collect();
        let contents: Vec<&[u8]> = bodies.values().map(|(poison, _)| poison.body).collect();
        // Nothing that a message holds or is called may keep it out of here.
        let reasons: Vec<String> = bodies.values().map(|(poison, _)| storable(&poison.reason)).collect();
        let feeds: Vec<&str> = bodies.values().map(|(poison, _)| poison.feed).collect();
        let origins: Vec<String> = bodies.values().map(|(poison, _)| storable(&poison.origin)).collect();
        let times: Vec<i64> = bodies.values().map(|(_, times)| *times).collect();
        let quarantine = self.prepare(Statement::Quarantine).await?;
        self.transaction
            .execute(&quarantine, &[&hashes, &uuids, &contents, &reasons, &feeds, &origins, &times])
            .await?;
        Ok(())
    }
}

/// How strong a block for that reason is.
pub(super) fn strength(reason: BlockReason) -> i32 {
    match reason {
        BlockReason::HardBounce => 1,
        BlockReason::Complaint => 2,
    }
}

/// The mail as its events make it, if that is not as its row has it.
fn changed<'a>(
    mail: &'a LockedMail,
    facts: &BTreeMap<String, Facts>,
) -> Option<(&'a LockedMail, Facts, String)> {
    let mut merged = mail.facts.clone();
    if mail.is_sent_at_open {
        let sent_at = mail.ids.iter().map(|id| facts[id].described.sent_at).min();
        merged.described.sent_at = sent_at.unwrap_or(merged.described.sent_at);
    }
    for id in &mail.ids {
        merged.merge(&facts[id], mail.worded);
    }
    let status = match merged.status {
        Some(status) if merged.status != mail.facts.status => status.name().to_owned(),
        _ => mail.status.clone(),
    };
    (merged != mail.facts).then_some((mail, merged, status))
}

/// Mails whose events or recipients the batch has changed were sent when their rows say so.
fn mark_touched(marks: &mut Marks, mails: &[LockedMail], touched: &[&HashSet<Uuid>]) {
    let is_touched = |mail: &&LockedMail| touched.iter().any(|uuids| uuids.contains(&mail.uuid));
    for mail in mails.iter().filter(is_touched) {
        marks.add(mail.facts.described.sent_at);
        marks.touch(mail.uuid);
    }
}
