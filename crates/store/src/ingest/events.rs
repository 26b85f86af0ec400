//! Storing a batch's occurrences: what is new gets a row, what is new but has no place is folded, and what is
//! known adds what it knows better.

use std::collections::{BTreeMap, HashMap, HashSet};

use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    columns::{EventColumns, HeldColumns, PlaceColumns},
    occurrence::{Occurrence, Told},
    transaction::Writer,
};
use crate::{IngestError, retention::Earliest, sql::Statement};

/// What became of a batch's distinct occurrences.
pub(super) struct Fates {
    /// Those with a new row of their own, by its key.
    pub(super) stored: HashSet<Uuid>,
    /// Those that are new and folded, by their keys.
    pub(super) folded: HashSet<Uuid>,
    pub(super) repeated: usize,
    /// The earliest of the events that have got a row, or of whose row more is known.
    pub(super) earliest: Earliest,
    /// Mails that have got an occurrence, or of which one says more than before.
    pub(super) touched: HashSet<Uuid>,
}

impl Fates {
    /// Takes back that an occurrence is new.
    fn is_repeat(&mut self, occurrence: &Occurrence<'_>) {
        if self.stored.remove(&occurrence.uuid) || self.folded.remove(&occurrence.uuid) {
            self.repeated += 1;
        }
    }
}

/// A stored row, of the table of events or of folded events, under its mail's lock.
struct Held {
    folded: bool,
    uuid: Uuid,
    mail: Uuid,
    fingerprint: Option<Uuid>,
    told: Told,
    /// The row's JSON, read only where the fingerprint is missing.
    event_data: Option<String>,
    /// Whether this program wrote the row. What an application wrote about an event stays as it is, its time
    /// above all, and only the columns of our own are added to it.
    ours: bool,
    changed: bool,
}

impl Held {
    fn take_in(&mut self, told: &Told) {
        let mut merged = self.told.clone();
        if self.ours {
            merged.merge(told);
        } else {
            merged.merge_own_columns(told);
        }
        self.changed |= merged != self.told;
        self.told = merged;
    }
}

/// Stored rows by key, and for each place in the batch the rows that stand there.
struct Standing {
    rows: BTreeMap<(bool, Uuid), Held>,
    at: HashMap<i32, Vec<(bool, Uuid)>>,
}

/// The mail that an occurrence belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'a> {
    pub(super) mail: Uuid,
    /// The recipient that an application logged the mail to. Nothing for a mail that is known from events alone:
    /// there, no row is an application's.
    pub(super) logged_to: Option<&'a str>,
}

/// The owners of a batch's occurrences, by SES id.
pub(super) type Owners<'a> = HashMap<&'a str, Owner<'a>>;

/// Opens and clicks whose rows an application wrote.
struct Claimed {
    /// Their keys.
    uuids: HashSet<Uuid>,
    /// The earliest of their rows that say more than before.
    earliest: Earliest,
    /// Mails of which such a row says more than before.
    touched: HashSet<Uuid>,
}

/// Which row stands in an occurrence's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The one that keeps it from being inserted.
    Own,
    /// The one that an application wrote of it, with its time cut to the second.
    Cut,
}

impl Writer<'_> {
    /// Stores the occurrences, whose mails are locked.
    pub(super) async fn store_occurrences(
        &self,
        occurrences: &[Occurrence<'_>],
        owners: &Owners<'_>,
    ) -> Result<Fates, IngestError> {
        let Claimed { uuids: claimed, earliest, mut touched } = self.claim_cut(occurrences, owners).await?;
        let mut single = EventColumns::default();
        let mut repeatable = EventColumns::default();
        for occurrence in occurrences.iter().filter(|occurrence| !claimed.contains(&occurrence.uuid)) {
            let columns = if occurrence.is_repeatable() { &mut repeatable } else { &mut single };
            columns.push(occurrence, owners[occurrence.aws_message_id].mail);
        }
        let mut stored: HashSet<Uuid> = self.insert(Statement::InsertSingleEvents, &single).await?;
        stored.extend(self.insert(Statement::InsertRepeatableEvents, &repeatable).await?);

        let rest: Vec<&Occurrence<'_>> = occurrences
            .iter()
            .filter(|occurrence| !stored.contains(&occurrence.uuid) && !claimed.contains(&occurrence.uuid))
            .collect();
        let mut standing = self.read_standing(&rest, owners, Place::Own).await?;
        let mut new = EventColumns::default();
        let mut repeated = claimed.len();
        for (place, occurrence) in (0_i32..).zip(&rest) {
            if standing.recognise(place, occurrence, owners[occurrence.aws_message_id]) {
                repeated += 1;
            } else {
                new.push(occurrence, owners[occurrence.aws_message_id].mail);
            }
        }
        let folded = self.insert(Statement::FoldEvents, &new).await?;
        self.write_back(&standing).await?;
        touched.extend(standing.changed_mails());
        let is_new = |occurrence: &&Occurrence<'_>| {
            stored.contains(&occurrence.uuid) || folded.contains(&occurrence.uuid)
        };
        touched.extend(
            occurrences.iter().filter(is_new).map(|occurrence| owners[occurrence.aws_message_id].mail),
        );
        let new_rows = occurrences.iter().filter(|occurrence| stored.contains(&occurrence.uuid));
        let earliest = earliest
            .and(Earliest::of(new_rows.map(|occurrence| occurrence.told.occurred_at)))
            .and(standing.earliest_changed());
        Ok(Fates { stored, folded, repeated, earliest, touched })
    }

    /// Counts as repeats what is stored now and was counted when it was parked.
    ///
    /// A mail that somebody has made meanwhile for one of these ids means that nothing is stored: what was parked of it
    /// is there, and was counted.
    pub(super) async fn count_once(
        &self,
        occurrences: &[Occurrence<'_>],
        owners: &Owners<'_>,
        fates: &mut Fates,
    ) -> Result<(), IngestError> {
        if owners.is_empty() {
            return Ok(());
        }
        let is_new = |occurrence: &&Occurrence<'_>| {
            fates.stored.contains(&occurrence.uuid) || fates.folded.contains(&occurrence.uuid)
        };
        let new: Vec<Uuid> =
            occurrences.iter().filter(is_new).map(|occurrence| occurrence.fingerprint).collect();
        let ids: Vec<&str> = owners.keys().copied().collect();
        let mails: Vec<Uuid> = owners.values().map(|owner| owner.mail).collect();
        let find = self.prepare(Statement::FindCounted).await?;
        let mut counted: HashSet<Uuid> = HashSet::new();
        for row in self.transaction.query(&find, &[&new, &ids, &mails]).await? {
            if row.try_get("is_mail")? {
                let reason = "a mail was made from its events while others of it were stored";
                return Err(IngestError::Repeat(reason.to_owned()));
            }
            counted.insert(row.try_get("fingerprint")?);
        }
        for occurrence in occurrences.iter().filter(|occurrence| counted.contains(&occurrence.fingerprint)) {
            fates.is_repeat(occurrence);
        }
        Ok(())
    }

    /// Finds the opens and clicks that are here already in rows of an application's, which cuts their times to the
    /// second: the unique index, to which that is another time, would take them for new.
    async fn claim_cut(
        &self,
        occurrences: &[Occurrence<'_>],
        owners: &Owners<'_>,
    ) -> Result<Claimed, IngestError> {
        let cut: Vec<&Occurrence<'_>> = occurrences
            .iter()
            .filter(|occurrence| occurrence.is_repeatable() && occurrence.cut_time().is_some())
            .filter(|occurrence| owners[occurrence.aws_message_id].logged_to.is_some())
            .collect();
        let mut standing = self.read_standing(&cut, owners, Place::Cut).await?;
        let claimed = (0_i32..)
            .zip(&cut)
            .filter(|(place, occurrence)| {
                standing.recognise(*place, occurrence, owners[occurrence.aws_message_id])
            })
            .map(|(_, occurrence)| occurrence.uuid)
            .collect();
        self.write_back(&standing).await?;
        let touched = standing.changed_mails().collect();
        Ok(Claimed { uuids: claimed, earliest: standing.earliest_changed(), touched })
    }

    async fn insert(
        &self,
        statement: Statement,
        columns: &EventColumns<'_>,
    ) -> Result<HashSet<Uuid>, IngestError> {
        if columns.is_empty() {
            return Ok(HashSet::new());
        }
        let insert = self.prepare(statement).await?;
        let rows = self.transaction.query(&insert, &columns.parameters()).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }

    async fn read_standing(
        &self,
        rest: &[&Occurrence<'_>],
        owners: &Owners<'_>,
        which: Place,
    ) -> Result<Standing, IngestError> {
        let mut standing = Standing { rows: BTreeMap::new(), at: HashMap::new() };
        if rest.is_empty() {
            return Ok(standing);
        }
        let mut places = PlaceColumns::default();
        for (place, occurrence) in (0_i32..).zip(rest) {
            let Owner { mail, logged_to } = owners[occurrence.aws_message_id];
            let time = occurrence.told.occurred_at;
            let time = if which == Place::Cut { occurrence.cut_time().unwrap_or(time) } else { time };
            let supposed = logged_to.and_then(|address| occurrence.fingerprint_if_to(address));
            for fingerprint in std::iter::once(occurrence.fingerprint).chain(supposed) {
                places.push(place, occurrence, mail, time, fingerprint);
            }
        }
        let read = self.prepare(Statement::ReadOccurrences).await?;
        for row in self.transaction.query(&read, &places.parameters()).await? {
            let held = Held::from_row(&row)?;
            let key = (held.folded, held.uuid);
            standing.at.entry(row.try_get("place")?).or_default().push(key);
            // One row may stand in the way of several.
            standing.rows.entry(key).or_insert(held);
        }
        Ok(standing)
    }

    /// Writes the rows that repeats have changed.
    async fn write_back(&self, standing: &Standing) -> Result<(), IngestError> {
        let mut events = HeldColumns::default();
        let mut folded = HeldColumns::default();
        for held in standing.rows.values().filter(|held| held.changed) {
            let columns = if held.folded { &mut folded } else { &mut events };
            columns.push(held.uuid, held.mail, held.fingerprint, &held.told);
        }
        for (statement, columns) in
            [(Statement::UpdateEvents, events), (Statement::UpdateFoldedEvents, folded)]
        {
            if !columns.is_empty() {
                let update = self.prepare(statement).await?;
                self.transaction.execute(&update, &columns.parameters()).await?;
            }
        }
        Ok(())
    }
}

impl Standing {
    fn changed_mails(&self) -> impl Iterator<Item = Uuid> {
        self.rows.values().filter(|held| held.changed).map(|held| held.mail)
    }

    /// The earliest of the events whose rows have changed: a repeat may tell again what was forgotten. Not of folded ones, of
    /// which all are looked at each time that what is old is deleted.
    fn earliest_changed(&self) -> Earliest {
        let changed = self.rows.values().filter(|held| held.changed && !held.folded);
        Earliest::of(changed.map(|held| held.told.occurred_at))
    }

    /// Whether one of the rows in its place is this occurrence. If so, the row takes in what this one tells.
    fn recognise(&mut self, place: i32, occurrence: &Occurrence<'_>, owner: Owner<'_>) -> bool {
        let supposed = owner.logged_to.and_then(|address| occurrence.fingerprint_if_to(address));
        let mut known = None;
        for key in self.at.get(&place).into_iter().flatten() {
            let Some(held) = self.rows.get_mut(key) else { continue };
            if held.fingerprint.is_none() {
                held.fingerprint = Some(occurrence.fingerprint_of_row(held.event_data.as_deref()));
                held.changed = true;
            }
            let is_supposed = held.folded && supposed.is_some() && held.fingerprint == supposed;
            if held.fingerprint == Some(occurrence.fingerprint) || is_supposed {
                known = Some(*key);
            }
        }
        if let Some(held) = known.and_then(|key| self.rows.get_mut(&key)) {
            held.take_in(&occurrence.told);
        }
        known.is_some()
    }
}

impl Held {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            folded: row.try_get("folded")?,
            uuid: row.try_get("uuid")?,
            mail: row.try_get("email_log_uuid")?,
            fingerprint: row.try_get("fingerprint")?,
            told: Told::from_row(row)?,
            event_data: row.try_get("event_data")?,
            ours: row.try_get("ours")?,
            changed: false,
        })
    }
}
