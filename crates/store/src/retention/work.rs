//! The transaction of a round.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    BEGINNING, Cursor, Looked, PruneRound, PrunedKind, Pruner, ROUND_BYTES_MAX,
    remainder::{fingerprint_of, remainder, without_addresses},
};
use crate::{
    IngestError,
    archive::SameAsArchived,
    body::tidy,
    error::is_refusal,
    ingest::transaction::Writer,
    sql::Statement,
    statistics::removed::{self, Way},
};

/// An event whose JSON goes, or a part of it.
struct OldEvent {
    mail: Uuid,
    /// The key of an event; of a folded one its fingerprint.
    key: Uuid,
    at: Timestamp,
    event_type: String,
    json: String,
    /// The mail's.
    aws_message_id: Option<String>,
    has_fingerprint: bool,
    has_address: bool,
}

/// What becomes of it.
struct CutEvent<'a> {
    event: &'a OldEvent,
    json: String,
    fingerprint: Option<Uuid>,
}

impl Pruner {
    /// Whether a mail may lose something: each may, unless only what is in the archive as it is now may.
    fn may_lose(&self, mail: Uuid, archived: &SameAsArchived) -> bool {
        !self.retention.only_archived || archived.contains(mail)
    }

    pub(super) async fn look(&mut self, kind: PrunedKind, after: Duration) -> Result<Looked, IngestError> {
        match kind {
            PrunedKind::Mails | PrunedKind::Bodies => self.prune_mails(kind, after).await,
            PrunedKind::StoredBodies => self.prune_stored_bodies(after).await,
            PrunedKind::RawEvents | PrunedKind::AddressesOfEvents => self.cut_events(kind, after).await,
            PrunedKind::RawFolded | PrunedKind::AddressesOfFolded => self.cut_folded(kind, after).await,
        }
    }

    fn is_below_limit(&self, rows: usize) -> bool {
        i64::try_from(rows).is_ok_and(|rows| rows < self.rows_max)
    }

    fn done(&mut self, kind: PrunedKind, is_last: bool) -> PruneRound {
        if is_last {
            self.next_kind();
        }
        let is_left = |kind: &PrunedKind| self.retention.after(*kind).is_some();
        let is_through = !PrunedKind::ALL[self.place..].iter().any(is_left);
        PruneRound { kind: Some(kind), rows: 0, bytes: 0, kept_back: 0, put_off: 0, refused: 0, is_through }
    }

    /// Whole mails, or their bodies.
    async fn prune_mails(&mut self, kind: PrunedKind, after: Duration) -> Result<Looked, IngestError> {
        let from = self.cursor.unwrap_or(BEGINNING);
        let store = self.store.clone();
        let mut client = store.writer().await?;
        let writer = Writer { store: &store, transaction: client.build_transaction().start().await? };
        let (take, delete) = match kind {
            PrunedKind::Mails => (Statement::TakeOldMails, Statement::DeleteMails),
            _ => (Statement::TakeOldBodies, Statement::DeleteBodies),
        };
        let take = writer.prepare(take).await?;
        let rows = writer
            .transaction
            .query(&take, &[&after.as_secs_f64(), &from.at, &from.uuid, &self.rows_max])
            .await?;
        let (mut mails, mut bytes, mut cursor) = (Vec::with_capacity(rows.len()), 0_i64, from);
        for row in &rows {
            let row_bytes: i64 = row.try_get("bytes")?;
            if !mails.is_empty() && bytes + row_bytes > ROUND_BYTES_MAX {
                break;
            }
            bytes += row_bytes;
            cursor = Cursor { at: row.try_get("sent_at")?, uuid: row.try_get("uuid")?, ..cursor };
            mails.push((cursor.uuid, row_bytes));
        }
        let uuids: Vec<Uuid> = mails.iter().map(|(uuid, _)| *uuid).collect();
        let archived = SameAsArchived::find(&store, &writer.transaction, &uuids).await?;
        let gone: Vec<Uuid> = uuids.iter().copied().filter(|uuid| self.may_lose(*uuid, &archived)).collect();
        if !self.is_dry {
            if kind == PrunedKind::Mails {
                // Nothing is marked: the sums of the quarters that these mails were sent in stay as they are, and a later
                // recount adds what these mails came to.
                removed::record(&store, &writer.transaction, &gone, Way::Out).await?;
                writer.bury(&gone, "deleted").await?;
            }
            let delete = writer.prepare(delete).await?;
            let refused = Looked::Refused { rows: mails.len(), behind: cursor };
            if !is_done(writer.transaction.execute(&delete, &[&gone]).await, gone.len())? {
                writer.roll_back().await?;
                return Ok(refused);
            }
            archived.note(&store, &writer.transaction, &gone).await?;
            if !writer.commit().await? {
                until_ended(&client).await?;
                return Ok(refused);
            }
        }
        self.cursor = Some(cursor);
        let is_last = mails.len() == rows.len() && self.is_below_limit(rows.len());
        let gone_bytes: i64 =
            mails.iter().filter(|(uuid, _)| self.may_lose(*uuid, &archived)).map(|(_, bytes)| bytes).sum();
        Ok(Looked::Done(PruneRound {
            rows: gone.len() as u64,
            bytes: gone_bytes.unsigned_abs(),
            kept_back: (uuids.len() - gone.len()) as u64,
            ..self.done(kind, is_last)
        }))
    }

    /// Compressed bodies. All of them are gone through, some at a time.
    async fn prune_stored_bodies(&mut self, after: Duration) -> Result<Looked, IngestError> {
        let kind = PrunedKind::StoredBodies;
        let from = self.cursor.unwrap_or(BEGINNING);
        let store = self.store.clone();
        let mut client = store.writer().await?;
        let writer = Writer { store: &store, transaction: client.build_transaction().start().await? };
        let look = writer.prepare(Statement::LookAtStoredBodies).await?;
        let rows =
            writer.transaction.query(&look, &[&after.as_secs_f64(), &from.uuid, &self.rows_max]).await?;
        let mut due: BTreeMap<Uuid, i64> = BTreeMap::new();
        let mut cursor = from;
        for row in &rows {
            cursor.uuid = row.try_get("uuid")?;
            if row.try_get("is_due")? {
                due.insert(cursor.uuid, row.try_get("bytes")?);
            }
        }
        let mails: Vec<Uuid> = due.keys().copied().collect();
        let lock = writer.prepare(Statement::LockMailsOfEvents).await?;
        let locked = writer.transaction.query(&lock, &[&mails]).await?;
        let locked: Vec<Uuid> = locked.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let archived = SameAsArchived::find(&store, &writer.transaction, &locked).await?;
        let gone: Vec<Uuid> = locked.iter().copied().filter(|mail| self.may_lose(*mail, &archived)).collect();
        if !self.is_dry {
            let delete = writer.prepare(Statement::DeleteStoredBodies).await?;
            let refused = Looked::Refused { rows: rows.len(), behind: cursor };
            if !is_done(writer.transaction.execute(&delete, &[&gone]).await, gone.len())? {
                writer.roll_back().await?;
                return Ok(refused);
            }
            archived.note(&store, &writer.transaction, &gone).await?;
            if !writer.commit().await? {
                until_ended(&client).await?;
                return Ok(refused);
            }
        }
        let is_last = self.is_below_limit(rows.len());
        if is_last && !self.is_dry {
            // What several mails had goes with the last of them.
            tidy(&store, Duration::ZERO).await?;
        }
        self.cursor = Some(cursor);
        Ok(Looked::Done(PruneRound {
            rows: gone.len() as u64,
            bytes: gone.iter().filter_map(|mail| due.get(mail)).sum::<i64>().unsigned_abs(),
            kept_back: (locked.len() - gone.len()) as u64,
            put_off: (mails.len() - locked.len()) as u64,
            ..self.done(kind, is_last)
        }))
    }

    /// The JSON of events, or where they came from.
    async fn cut_events(&mut self, kind: PrunedKind, after: Duration) -> Result<Looked, IngestError> {
        let store = self.store.clone();
        let mut client = store.writer().await?;
        let writer = Writer { store: &store, transaction: client.build_transaction().start().await? };
        if !self.is_dry {
            writer.lock_done().await?;
        }
        let from = if let Some(cursor) = self.cursor {
            cursor
        } else {
            let done = writer.read_done(kind).await?;
            self.done_version = done.version;
            Cursor { at: done.since, ..BEGINNING }
        };
        let take = writer.prepare(Statement::TakeOldEvents).await?;
        let rows = writer
            .transaction
            .query(&take, &[&after.as_secs_f64(), &from.at, &from.uuid, &self.rows_max])
            .await?;
        let events: Vec<OldEvent> = rows.iter().map(old_event).collect::<Result<_, _>>()?;
        let cut = self.cut(&writer, kind, &events).await?;
        let is_last = self.is_below_limit(rows.len());
        let cursor = events.last().map(|event| Cursor { at: event.at, uuid: event.key, ..from });
        if !self.is_dry {
            let refused = Looked::Refused { rows: rows.len(), behind: cursor.unwrap_or(from) };
            if !write_cut_events(&writer, kind, &cut).await? {
                writer.roll_back().await?;
                return Ok(refused);
            }
            let earliest = self.earliest_put_off.into_iter().chain(cut.put_off).min();
            // All before the last that was looked at is done, but for what was put off.
            let version = match earliest.or(events.last().map(|event| event.at)) {
                Some(done) => writer.write_done(kind, done, self.done_version).await?,
                None => self.done_version,
            };
            if !writer.commit().await? {
                until_ended(&client).await?;
                return Ok(refused);
            }
            self.earliest_put_off = earliest;
            self.done_version = version;
        }
        self.cursor = cursor;
        Ok(Looked::Done(PruneRound {
            rows: cut.changed.len() as u64,
            bytes: cut.bytes(),
            kept_back: cut.kept_back,
            put_off: cut.put_off_rows,
            ..self.done(kind, is_last)
        }))
    }

    async fn cut_folded(&mut self, kind: PrunedKind, after: Duration) -> Result<Looked, IngestError> {
        let from = self.cursor.unwrap_or(BEGINNING);
        let store = self.store.clone();
        let mut client = store.writer().await?;
        let writer = Writer { store: &store, transaction: client.build_transaction().start().await? };
        let take = writer.prepare(Statement::TakeOldFolded).await?;
        let is_raw = kind == PrunedKind::RawFolded;
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&after.as_secs_f64(), &from.uuid, &from.fingerprint, &self.rows_max, &is_raw];
        let rows = writer.transaction.query(&take, &parameters).await?;
        let events: Vec<OldEvent> = rows.iter().map(old_folded).collect::<Result<_, _>>()?;
        let cut = self.cut(&writer, kind, &events).await?;
        let cursor =
            events.last().map(|event| Cursor { uuid: event.mail, fingerprint: event.key, ..BEGINNING });
        if !self.is_dry {
            let refused = Looked::Refused { rows: rows.len(), behind: cursor.unwrap_or(from) };
            let keys: Vec<Uuid> = cut.changed.iter().map(|cut| cut.event.key).collect();
            let jsons: Vec<&str> = cut.changed.iter().map(|cut| cut.json.as_str()).collect();
            let write = writer.prepare(Statement::WriteCutFolded).await?;
            let written = writer.transaction.execute(&write, &[&cut.mails(), &keys, &jsons, &!is_raw]).await;
            if !is_done(written, keys.len())? {
                writer.roll_back().await?;
                return Ok(refused);
            }
            cut.archived.note(&store, &writer.transaction, &cut.mails()).await?;
            if !writer.commit().await? {
                until_ended(&client).await?;
                return Ok(refused);
            }
        }
        self.cursor = cursor;
        Ok(Looked::Done(PruneRound {
            rows: cut.changed.len() as u64,
            bytes: cut.bytes(),
            kept_back: cut.kept_back,
            put_off: cut.put_off_rows,
            ..self.done(kind, self.is_below_limit(rows.len()))
        }))
    }

    /// Locks the events' mails, and says what becomes of the events whose mails nobody holds.
    async fn cut<'a>(
        &self,
        writer: &Writer<'_>,
        kind: PrunedKind,
        events: &'a [OldEvent],
    ) -> Result<Cut<'a>, IngestError> {
        let mut mails: Vec<Uuid> = events.iter().map(|event| event.mail).collect();
        mails.sort_unstable();
        mails.dedup();
        let lock = writer.prepare(Statement::LockMailsOfEvents).await?;
        let rows = writer.transaction.query(&lock, &[&mails]).await?;
        let locked: Vec<Uuid> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let archived = SameAsArchived::find(writer.store, &writer.transaction, &locked).await?;
        let locked: HashSet<Uuid> = locked.into_iter().collect();
        let mut cut = Cut { archived, ..Cut::default() };
        for event in events {
            // What is refused counts as done: else each run would begin there again, for ever.
            if self.refused == Some(event.key) {
                continue;
            }
            let Some(changed) = cut_event(kind, event) else { continue };
            if locked.contains(&event.mail) && self.may_lose(event.mail, &cut.archived) {
                cut.changed.push(changed);
            } else {
                let is_held = !locked.contains(&event.mail);
                cut.put_off = cut.put_off.into_iter().chain([event.at]).min();
                *(if is_held { &mut cut.put_off_rows } else { &mut cut.kept_back }) += 1;
            }
        }
        Ok(cut)
    }
}

/// Says whether it is done, or refused.
async fn write_cut_events(writer: &Writer<'_>, kind: PrunedKind, cut: &Cut<'_>) -> Result<bool, IngestError> {
    let keys: Vec<Uuid> = cut.changed.iter().map(|cut| cut.event.key).collect();
    let jsons: Vec<&str> = cut.changed.iter().map(|cut| cut.json.as_str()).collect();
    let fingerprints: Vec<Option<Uuid>> = cut.changed.iter().map(|cut| cut.fingerprint).collect();
    let write = writer.prepare(Statement::WriteCutEvents).await?;
    let is_forgotten = kind == PrunedKind::AddressesOfEvents;
    let written = writer.transaction.execute(&write, &[&keys, &jsons, &fingerprints, &is_forgotten]).await;
    if !is_done(written, keys.len())? {
        return Ok(false);
    }
    cut.archived.note(writer.store, &writer.transaction, &cut.mails()).await?;
    Ok(true)
}

/// What becomes of a round's events.
#[derive(Default)]
struct Cut<'a> {
    changed: Vec<CutEvent<'a>>,
    /// Of their mails, those that are in the archive as they were.
    archived: SameAsArchived,
    kept_back: u64,
    put_off_rows: u64,
    /// The earliest of those that were not changed and are to be.
    put_off: Option<Timestamp>,
}

impl Cut<'_> {
    fn mails(&self) -> Vec<Uuid> {
        self.changed.iter().map(|cut| cut.event.mail).collect()
    }

    fn bytes(&self) -> u64 {
        let saved = |cut: &CutEvent<'_>| cut.event.json.len().saturating_sub(cut.json.len()) as u64;
        self.changed.iter().map(saved).sum()
    }
}

fn cut_event(kind: PrunedKind, event: &OldEvent) -> Option<CutEvent<'_>> {
    match kind {
        PrunedKind::RawEvents | PrunedKind::RawFolded => {
            let json = remainder(&event.event_type, &event.json);
            // Asked before its JSON goes: which occurrence an application's row is.
            let has_fingerprint = event.has_fingerprint;
            let fingerprint = (!has_fingerprint)
                .then(|| fingerprint_of(&event.event_type, &event.json, event.aws_message_id.as_deref()))
                .flatten();
            (json.len() < event.json.len()).then_some(CutEvent { event, json, fingerprint })
        }
        _ => {
            let without = without_addresses(&event.json);
            let is_known = without.is_some() || event.has_address;
            let json = without.unwrap_or_else(|| event.json.clone());
            is_known.then_some(CutEvent { event, json, fingerprint: None })
        }
    }
}

fn old_event(row: &Row) -> Result<OldEvent, tokio_postgres::Error> {
    let json: Option<String> = row.try_get("event_data")?;
    Ok(OldEvent {
        mail: row.try_get("email_log_uuid")?,
        key: row.try_get("uuid")?,
        at: row.try_get("occurred_at")?,
        event_type: row.try_get("event_type")?,
        json: json.unwrap_or_default(),
        aws_message_id: row.try_get("aws_message_id")?,
        has_fingerprint: row.try_get::<_, Option<Uuid>>("fingerprint")?.is_some(),
        has_address: row.try_get("has_address")?,
    })
}

fn old_folded(row: &Row) -> Result<OldEvent, tokio_postgres::Error> {
    Ok(OldEvent {
        mail: row.try_get("email_log_uuid")?,
        key: row.try_get("fingerprint")?,
        at: Timestamp::UNIX_EPOCH,
        event_type: row.try_get("event_type")?,
        json: row.try_get("event_data")?,
        aws_message_id: None,
        has_fingerprint: true,
        has_address: row.try_get("has_address")?,
    })
}

/// Whether a statement has done this to so many rows; not where an application refused it. A trigger may also have kept a row
/// without a word: then nothing of the others may be gone either.
fn is_done(changed: Result<u64, tokio_postgres::Error>, rows: usize) -> Result<bool, IngestError> {
    match changed {
        Err(error) if is_refusal(&error) => Ok(false),
        changed => Ok(usize::try_from(changed?) == Ok(rows)),
    }
}

/// PostgreSQL tells of an error before it frees the rows, and the next look passes over what is locked. It answers this after.
async fn until_ended(client: &tokio_postgres::Client) -> Result<(), IngestError> {
    Ok(client.batch_execute("").await?)
}

impl Writer<'_> {
    /// Says whether it is committed; not where a constraint that is looked at in the end only refused it.
    async fn commit(self) -> Result<bool, IngestError> {
        is_done(self.transaction.commit().await.map(|()| 0), 0)
    }

    /// Waits until the rows are free again: the next look passes over what is locked.
    async fn roll_back(self) -> Result<(), IngestError> {
        Ok(self.transaction.rollback().await?)
    }

    /// Leaves tombstones of the SES ids of mails that are about to go.
    pub(crate) async fn bury(&self, mails: &[Uuid], state: &str) -> Result<(), IngestError> {
        let bury = self.prepare(Statement::Bury).await?;
        self.transaction.execute(&bury, &[&mails, &state]).await?;
        Ok(())
    }

    /// Drops compressed bodies of mails, which are locked. What several had in common goes when bodies are tidied.
    pub(crate) async fn forget_bodies(&self, mails: &[Uuid]) -> Result<(), IngestError> {
        let forget = self.prepare(Statement::ForgetBodies).await?;
        self.transaction.execute(&forget, &[&mails]).await?;
        Ok(())
    }
}
