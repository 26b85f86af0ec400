//! Parking: events of mails that nobody knows wait in `phoenix_kit_email_orphaned_events` until they do.
//!
//! The first record of an occurrence has its fingerprint for a key, so the primary key decides which of racing batches
//! has parked it, as V137's indexes decide for events. Records that say anything else beside it (SES's other format, a
//! verdict that came later) are kept under a hash of their own: when the mail is known all of them are read again,
//! and leave what they would have left.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Arrival, facts::cut_for_column, transaction::Writer};
use crate::{IngestError, QueryError, Store, sql::Statement};

/// What became of events of unknown mails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ParkedNow {
    /// Occurrences that were not parked before.
    pub(super) new: usize,
    pub(super) repeated: usize,
}

/// Events that wait for their mail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parked {
    /// Records, of which an occurrence may have several.
    pub events: u64,
    /// When the one was received that has waited for longest.
    pub oldest_received_at: Option<Timestamp>,
    /// How long ago that was by the database's clock, in seconds; 0 where none waits.
    pub oldest_age_s: f64,
}

/// A record to keep until its mail is there.
pub(super) struct Record<'a> {
    pub(super) fingerprint: Uuid,
    pub(super) arrival: &'a Arrival<'a>,
}

impl<'a> Record<'a> {
    pub(super) fn of((arrival, fingerprint): (&'a Arrival<'a>, &Uuid)) -> Self {
        Self { fingerprint: *fingerprint, arrival }
    }

    /// The key of a further record of its occurrence.
    pub(super) fn key(&self) -> Uuid {
        let mut hash = Sha256::new();
        hash.update(self.fingerprint);
        hash.update(self.arrival.json);
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize()[..16]);
        Uuid::from_bytes(key)
    }
}

/// Records, column by column.
#[derive(Default)]
struct RecordColumns<'a> {
    fingerprint: Vec<Uuid>,
    aws_message_id: Vec<&'a str>,
    event_type: Vec<String>,
    event_data: Vec<&'a str>,
}

impl<'a> RecordColumns<'a> {
    fn of(records: impl Iterator<Item = &'a Record<'a>>) -> Self {
        let mut columns = Self::default();
        for Record { fingerprint, arrival } in records {
            columns.fingerprint.push(*fingerprint);
            columns.aws_message_id.push(&arrival.event.mail.message_id);
            columns.event_type.push(cut_for_column(&arrival.event.type_name()));
            columns.event_data.push(arrival.json);
        }
        columns
    }
}

impl Writer<'_> {
    /// Parks the events of these SES ids, none of which led to a mail, each under its fingerprint.
    pub(super) async fn park(
        &self,
        arrivals: &[Arrival<'_>],
        fingerprints: &[Uuid],
        unknown: &BTreeSet<String>,
    ) -> Result<ParkedNow, IngestError> {
        if unknown.is_empty() {
            return Ok(ParkedNow::default());
        }
        let is_unknown =
            |(arrival, _): &(&Arrival<'_>, &Uuid)| unknown.contains(&*arrival.event.mail.message_id);
        let records: Vec<Record<'_>> =
            arrivals.iter().zip(fingerprints).filter(is_unknown).map(Record::of).collect();
        let mut first: BTreeMap<Uuid, &Record<'_>> = BTreeMap::new();
        for record in &records {
            first.entry(record.fingerprint).or_insert(record);
        }
        let new = self.park_occurrences(RecordColumns::of(first.into_values())).await?;
        self.park_spellings(&records, &new).await?;
        // Who joins or makes the mail takes its parked events away; what is parked after that would count twice.
        if self.are_known_meanwhile(unknown).await? {
            let reason = "a mail became known while events of it were parked";
            return Err(IngestError::Repeat(reason.to_owned()));
        }
        Ok(ParkedNow { new: new.len(), repeated: records.len() - new.len() })
    }

    /// Says which of them were not parked before.
    async fn park_occurrences(&self, first: RecordColumns<'_>) -> Result<HashSet<Uuid>, IngestError> {
        let RecordColumns { fingerprint, aws_message_id, event_type, event_data } = first;
        let park = self.prepare(Statement::ParkOccurrences).await?;
        let rows =
            self.transaction.query(&park, &[&fingerprint, &aws_message_id, &event_type, &event_data]).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }

    /// Keeps records of parked occurrences that say anything else than the one that was parked first.
    async fn park_spellings(&self, records: &[Record<'_>], new: &HashSet<Uuid>) -> Result<(), IngestError> {
        let mut first_of_new: HashSet<Uuid> = HashSet::new();
        let mut further: BTreeMap<Uuid, &Record<'_>> = BTreeMap::new();
        for record in records {
            // Of an occurrence that was parked just now, the first of the batch is the one that was.
            if !(new.contains(&record.fingerprint) && first_of_new.insert(record.fingerprint)) {
                further.insert(record.key(), record);
            }
        }
        if further.is_empty() {
            return Ok(());
        }
        let keys: Vec<Uuid> = further.keys().copied().collect();
        let RecordColumns { fingerprint, aws_message_id, event_type, event_data } =
            RecordColumns::of(further.into_values());
        let park = self.prepare(Statement::ParkSpellings).await?;
        self.transaction
            .execute(&park, &[&keys, &fingerprint, &aws_message_id, &event_type, &event_data])
            .await?;
        Ok(())
    }
}

impl Store {
    /// How many events wait for their mail, and for how long.
    ///
    /// # Errors
    ///
    /// When the database can't be asked.
    pub async fn parked(&self) -> Result<Parked, QueryError> {
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::CountParked)).await?;
        let row = client.query_one(&statement, &[]).await?;
        Ok(Parked {
            events: u64::try_from(row.try_get::<_, i64>("events")?).unwrap_or(0),
            oldest_received_at: row.try_get("oldest_received_at")?,
            oldest_age_s: row.try_get("oldest_age_s")?,
        })
    }
}
