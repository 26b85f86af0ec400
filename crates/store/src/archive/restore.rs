//! Mails come back: as they went where nothing is here of them, and merged where something is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::{ObjectFacts, ObjectKind, remove::digests};
use crate::{
    ErasedMail, IngestError, Store,
    erase::{Without, addresses_in_mails, find_erased, forget_archived, without_erased},
    ingest::merge,
    quarter_start,
    retention::{Earliest, tell_pruner},
    sql::{Statement, render},
    statistics::removed::{self, Way},
};

/// Mails that come back in one transaction at most.
pub const RESTORED_MAILS_MAX: usize = 100;

/// How often a transaction is tried again that another one got in the way of.
const TRIES_MAX: usize = 10;

/// A mail from the archive, as its line there has it: [`MailLine`](super::MailLine) tells what the parts are.
#[derive(Clone, Copy, Debug)]
pub struct RestoredMail<'a> {
    /// The number of its object here.
    pub object: i64,
    /// Its key.
    pub uuid: Uuid,
    /// Its digest.
    pub digest: &'a [u8],
    /// The row, an object.
    pub mail: &'a str,
    /// Its events.
    pub events: &'a str,
    /// Folded events.
    pub folded: &'a str,
    /// Recipients.
    pub recipients: &'a str,
    /// SES ids beside the one in the column.
    pub ids: &'a str,
    /// Events that step 137 removed.
    pub removed: &'a str,
    /// The body, where the row does not hold it.
    pub body: Option<&'a str>,
}

/// What became of mails from the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// They are back as they were.
    pub restored: usize,
    /// They are here, had not all that the archive has, and have now.
    pub merged: usize,
    /// They are here with all of it.
    pub present: usize,
    /// They were deleted or erased on purpose, and stay away.
    pub withheld: usize,
    /// They went to people alone who were erased since, and stay away.
    pub erased: usize,
    /// Of those that are back or were merged, the mails that named people who were erased since, and do so no more.
    pub cleaned: usize,
    /// What could not be read, by mail.
    pub unreadable: Vec<(Uuid, String)>,
    /// Columns that these mails have values in, and the tables here do not have.
    pub unknown_columns: BTreeSet<String>,
}

impl std::ops::AddAssign for RestoreReport {
    fn add_assign(&mut self, other: Self) {
        self.restored += other.restored;
        self.merged += other.merged;
        self.present += other.present;
        self.withheld += other.withheld;
        self.erased += other.erased;
        self.cleaned += other.cleaned;
        self.unreadable.extend(other.unreadable);
        self.unknown_columns.extend(other.unknown_columns);
    }
}

/// What a mail's row says that decides where it goes.
#[derive(Clone, Debug, Deserialize)]
struct Head {
    message_id: String,
    aws_message_id: Option<String>,
    /// Whether events alone have made it.
    #[serde(default)]
    aftersend_derived: Option<bool>,
}

impl Head {
    /// Its own id, where an application logged it.
    fn logged_id(&self) -> Option<&str> {
        (self.aftersend_derived != Some(true)).then_some(self.message_id.as_str())
    }
}

#[derive(Debug, Deserialize)]
struct IdRow {
    aws_message_id: String,
}

#[derive(Debug, Deserialize)]
struct EventRow {
    uuid: Uuid,
    #[serde(default, alias = "aftersend_fingerprint")]
    fingerprint: Option<Uuid>,
}

/// A row's columns with their values as they are spelled.
type Fields = BTreeMap<String, Box<RawValue>>;

/// A mail from the archive whose line was read.
#[derive(Clone)]
struct Read<'a> {
    line: RestoredMail<'a>,
    head: Head,
    /// All its SES ids.
    ids: BTreeSet<String>,
}

/// What is here of a mail from the archive.
enum Standing {
    Nothing,
    /// Another mail has its own id.
    OwnIdTaken,
    /// It is here, perhaps as another row.
    As(Here),
    /// It was deleted or erased on purpose.
    Withheld,
}

#[derive(Clone, Debug)]
struct Here {
    uuid: Uuid,
    aws_message_id: Option<String>,
    message_id: String,
}

/// What is here of several.
struct Look {
    here: Vec<Here>,
    beside: HashMap<String, (Option<Uuid>, String)>,
    removed: HashSet<Uuid>,
}

impl Look {
    fn standing(&self, read: &Read<'_>) -> Standing {
        let states = read.ids.iter().filter_map(|id| self.beside.get(id));
        if states.clone().any(|(_, state)| state == "deleted" || state == "erased") {
            return Standing::Withheld;
        }
        let is_live = |state: &str| state == "alias" || state == "created";
        let beside: HashSet<Uuid> =
            states.filter(|(_, state)| is_live(state)).filter_map(|(mail, _)| *mail).collect();
        let column = |here: &&Here| here.aws_message_id.as_ref().is_some_and(|id| read.ids.contains(id));
        let has_own_id = |here: &&Here| here.message_id == read.head.message_id;
        let same = self
            .here
            .iter()
            .find(|here| here.uuid == read.line.uuid)
            .or_else(|| self.here.iter().find(column))
            .or_else(|| self.here.iter().find(|here| beside.contains(&here.uuid)))
            .or_else(|| self.here.iter().find(|here| has_own_id(here) && here.aws_message_id.is_none()));
        match same {
            Some(here) => Standing::As(here.clone()),
            None if self.here.iter().any(|here| has_own_id(&here)) => Standing::OwnIdTaken,
            None => Standing::Nothing,
        }
    }
}

/// How rows of a table are put in.
struct Rows {
    statement: String,
    names: BTreeSet<String>,
}

/// For each table another statement, by the columns that it has today.
const RESTORE_ROWS: &str = include_str!("../sql/archive/restore_rows.sql");

/// The columns that a mail here gets from the archive where it has nothing in them, as [`Statement::FillInMail`] has them.
const FILLED_IN: [&str; 8] = [
    "subject",
    "headers",
    "body_preview",
    "body_full",
    "size_bytes",
    "user_uuid",
    "error_message",
    "queued_at",
];

const MAILS: &str = "phoenix_kit_email_logs";
const EVENTS: &str = "phoenix_kit_email_events";
const FOLDED: &str = "aftersend_folded_events";
const RECIPIENTS: &str = "aftersend_recipients";
const IDS: &str = "aftersend_ids";
const REMOVED: &str = "aftersend_removed_events";

/// A transaction that brings mails back.
struct Restoring<'a> {
    store: &'a Store,
    transaction: Transaction<'a>,
}

impl Store {
    /// Brings mails back from the archive, up to [`RESTORED_MAILS_MAX`], in few transactions. Those that are here with all of
    /// it stay untouched: it may be done again.
    ///
    /// Cancel-safe: each mail is back whole or not at all.
    ///
    /// # Errors
    ///
    /// When the database does not answer, may not be written to, or has no room.
    pub async fn restore_mails(&self, mails: &[RestoredMail<'_>]) -> Result<RestoreReport, IngestError> {
        let mut report = RestoreReport::default();
        let mut rest: Vec<Read<'_>> = Vec::with_capacity(mails.len());
        for line in mails {
            match read(line) {
                Ok(read) => rest.push(read),
                Err(reason) => report.unreadable.push((line.uuid, reason)),
            }
        }
        let mut tries = 0;
        let mut parts: Vec<&[Read<'_>]> = vec![&rest];
        while let Some(part) = parts.pop() {
            let done = self.in_time(Box::pin(self.try_restore(part))).await;
            self.renew_writers_after(&done);
            match done {
                Ok((done, merges)) => {
                    report += done;
                    for (read, here) in merges {
                        report += self.restore_beside(read, &here).await?;
                    }
                }
                Err(IngestError::Repeat(_)) if tries < TRIES_MAX => {
                    tries += 1;
                    parts.push(part);
                }
                // One of them can't be put in; the others need not wait for that.
                Err(IngestError::Data(_)) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(IngestError::Data(reason)) if part.len() == 1 => {
                    report.unreadable.push((part[0].line.uuid, reason));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(report)
    }

    /// Brings back those of which nothing is here, and tells which of the others lack something.
    async fn try_restore<'a, 'b>(
        &self,
        mails: &'b [Read<'a>],
    ) -> Result<(RestoreReport, Vec<(&'b Read<'a>, Here)>), IngestError> {
        let mut report = RestoreReport::default();
        let mut merges = Vec::new();
        if mails.is_empty() {
            return Ok((report, merges));
        }
        let mut client = self.writer().await?;
        let transaction = client.build_transaction().start().await?;
        let restoring = Restoring { store: self, transaction };
        let without = restoring.without_erased(mails).await?;
        report.erased = restoring.keep_away(mails, &without).await?;
        let cleaned = cleaned(mails, &without)?;
        let kept: Vec<Read<'_>> = cleaned.iter().map(|(_, read, _)| read.clone()).collect();
        let look = restoring.look(&kept).await?;
        let mut back: Vec<(&Read<'_>, bool)> = Vec::new();
        let mut changed: Vec<Uuid> = Vec::new();
        for (read, clean, is_changed) in &cleaned {
            let is_own_id_taken = match look.standing(clean) {
                Standing::Nothing => false,
                Standing::OwnIdTaken => true,
                Standing::Withheld => {
                    report.withheld += 1;
                    continue;
                }
                Standing::As(here) => {
                    if restoring.has_all(clean, &here).await? {
                        report.present += 1;
                    } else {
                        merges.push((*read, here));
                    }
                    continue;
                }
            };
            back.push((clean, is_own_id_taken));
            changed.extend(is_changed.then_some(clean.line.uuid));
        }
        report.restored = back.len();
        report.cleaned = changed.len();
        report.unknown_columns = restoring.put_back(&back, &look).await?;
        if report.unknown_columns.is_empty() {
            let as_archived = back
                .iter()
                .filter(|(read, is_own_id_taken)| !is_own_id_taken && !changed.contains(&read.line.uuid));
            restoring.note_as_archived(as_archived.map(|(read, _)| *read)).await?;
        }
        if !changed.is_empty() {
            // They are not as the archive has them: the next run takes them there as they are.
            restoring.execute(Statement::MarkChanged, &[&changed]).await?;
        }
        let put_back: Vec<Uuid> = back.iter().map(|(read, _)| read.line.uuid).collect();
        let earliest = restoring.earliest_event(&put_back).await?;
        tell_pruner(self, &restoring.transaction, earliest).await?;
        restoring.transaction.commit().await?;
        Ok((report, merges))
    }

    /// Merges a mail from the archive with the one that is here: it is put beside that one under a key of its own, as mails
    /// are that were made from events, and then goes the way of those.
    async fn restore_beside(&self, read: &Read<'_>, here: &Here) -> Result<RestoreReport, IngestError> {
        for _ in 0..TRIES_MAX {
            let done = self.in_time(Box::pin(self.try_beside(read, here))).await;
            self.renew_writers_after(&done);
            match done {
                Ok(Some(report)) => return Ok(report),
                Ok(None) | Err(IngestError::Repeat(_)) => {}
                Err(IngestError::Data(reason)) => {
                    let unreadable = vec![(read.line.uuid, reason)];
                    return Ok(RestoreReport { unreadable, ..RestoreReport::default() });
                }
                Err(error) => return Err(error),
            }
        }
        let reason = "a mail from the archive is being changed here; restore it again";
        Err(IngestError::Repeat(reason.to_owned()))
    }

    /// Nothing where the mail here is not the one that it was.
    async fn try_beside(&self, read: &Read<'_>, here: &Here) -> Result<Option<RestoreReport>, IngestError> {
        let mut client = self.writer().await?;
        let transaction = client.build_transaction().start().await?;
        let restoring = Restoring { store: self, transaction };
        // Somebody may have been erased since it was looked at first.
        let without = restoring.without_erased(std::slice::from_ref(read)).await?;
        let erased = restoring.keep_away(std::slice::from_ref(read), &without).await?;
        let cleaned = cleaned(std::slice::from_ref(read), &without)?;
        let Some((_, read, is_changed)) = cleaned.first() else {
            restoring.transaction.commit().await?;
            return Ok(Some(RestoreReport { erased, ..RestoreReport::default() }));
        };
        let look = restoring.look(std::slice::from_ref(read)).await?;
        if !matches!(look.standing(read), Standing::As(found) if found.uuid == here.uuid) {
            return Ok(None);
        }
        let beside = Uuid::now_v7();
        let unknown = restoring.put_beside(read, beside).await?;
        let uuid = read.line.uuid;
        if look.removed.contains(&uuid) {
            removed::record(self, &restoring.transaction, &[beside], Way::Back).await?;
        }
        restoring.execute(Statement::FillInMail, &[&here.uuid, &beside, &read.head.logged_id()]).await?;
        restoring.execute(Statement::LeadTombstones, &[&uuid, &here.uuid]).await?;
        if uuid != here.uuid {
            restoring.execute(Statement::ForgetArchived, &[&uuid]).await?;
        } else if look.removed.contains(&uuid) {
            let digest = read.line.digest;
            restoring
                .execute(Statement::RememberRestored, &[&vec![uuid], &vec![read.line.object], &vec![digest]])
                .await?;
        }
        let id = here.aws_message_id.as_deref().unwrap_or(&here.message_id);
        let merged = merge::merge_in(self, restoring.transaction, id, beside).await?;
        Ok(merged.then_some(RestoreReport {
            merged: 1,
            cleaned: usize::from(*is_changed),
            unknown_columns: unknown,
            ..RestoreReport::default()
        }))
    }

    /// Writes down an object that was found in the archive, unless it is known, and gives its number.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn adopt_archive_object(
        &self,
        name: &str,
        kind: ObjectKind,
        facts: &ObjectFacts,
    ) -> Result<i64, IngestError> {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let (mails, events) = (count(facts.mails), count(facts.events));
        let (bytes, content_bytes) = (count(facts.bytes), count(facts.content_bytes));
        self.in_time(async {
            let client = self.writer().await?;
            let adopt = client.prepare_cached(self.sql(Statement::AdoptArchiveObject)).await?;
            let row = client
                .query_one(
                    &adopt,
                    &[
                        &name,
                        &kind.name(),
                        &mails,
                        &events,
                        &bytes,
                        &content_bytes,
                        &facts.sha256,
                        &facts.first_sent_at,
                        &facts.last_sent_at,
                    ],
                )
                .await?;
            Ok(row.try_get(0)?)
        })
        .await
    }
}

impl Restoring<'_> {
    async fn execute(
        &self,
        statement: Statement,
        values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<u64, IngestError> {
        let statement = self.transaction.prepare_cached(self.store.sql(statement)).await?;
        Ok(self.transaction.execute(&statement, values).await?)
    }

    async fn query(
        &self,
        statement: Statement,
        values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, IngestError> {
        let statement = self.transaction.prepare_cached(self.store.sql(statement)).await?;
        Ok(self.transaction.query(&statement, values).await?)
    }

    /// What these mails are without people who were erased. Until the end of the transaction nobody is.
    async fn without_erased(&self, mails: &[Read<'_>]) -> Result<Vec<Without>, IngestError> {
        let lines = || addresses_in_mails(mails.iter().map(|read| read.line));
        let erased = find_erased(self.store, &self.transaction, lines).await?;
        let without = mails.iter().map(|read| without_erased(&read.line, &erased));
        without.collect::<Result<_, _>>().map_err(|error| unfit(&error))
    }

    /// Writes down that those are erased of which nothing comes back, and says how many they are.
    async fn keep_away(&self, mails: &[Read<'_>], without: &[Without]) -> Result<usize, IngestError> {
        let gone = mails.iter().zip(without).filter(|(_, without)| matches!(without, Without::Nobody));
        let gone: Vec<ErasedMail> = gone
            .map(|(read, _)| ErasedMail { uuid: read.line.uuid, aws_message_ids: read.ids.clone() })
            .collect();
        if !gone.is_empty() {
            forget_archived(self.store, &self.transaction, &gone).await?;
        }
        Ok(gone.len())
    }

    /// What is here of these mails, locked: mails first, then what stands beside their columns, then what is known of those
    /// that were removed.
    async fn look(&self, mails: &[Read<'_>]) -> Result<Look, IngestError> {
        let uuids: Vec<Uuid> = mails.iter().map(|read| read.line.uuid).collect();
        let ids: Vec<&str> = mails.iter().flat_map(|read| read.ids.iter().map(String::as_str)).collect();
        let own: Vec<&str> = mails.iter().map(|read| read.head.message_id.as_str()).collect();
        let mut here = Vec::new();
        for row in self.query(Statement::FindStandingMails, &[&uuids, &ids, &own]).await? {
            here.push(Here {
                uuid: row.try_get("uuid")?,
                aws_message_id: row.try_get("aws_message_id")?,
                message_id: row.try_get("message_id")?,
            });
        }
        let mut beside = HashMap::new();
        for row in self.query(Statement::FindTombstones, &[&ids, &uuids]).await? {
            beside.insert(row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
        }
        let rows = self.query(Statement::FindRemoved, &[&uuids]).await?;
        let removed = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        Ok(Look { here, beside, removed })
    }

    /// Whether the mail here has all that the archive has of it.
    async fn has_all(&self, read: &Read<'_>, here: &Here) -> Result<bool, IngestError> {
        Ok(self.has_columns(read, here).await? && self.has_occurrences(read, here).await?)
    }

    /// Whether it has what its application alone tells: [`Statement::FillInMail`] gives it the rest.
    async fn has_columns(&self, read: &Read<'_>, here: &Here) -> Result<bool, IngestError> {
        let rows = self.query(Statement::HeldColumns, &[&here.uuid]).await?;
        // It is gone, and the merge finds out.
        let Some(row) = rows.first() else { return Ok(false) };
        let is_derived: bool = row.try_get("is_derived")?;
        if is_derived && read.head.logged_id().is_some() {
            return Ok(false);
        }
        let held: Vec<&str> = row.try_get("held")?;
        let archived = fields(read.line.mail)?;
        let is_told = |name: &str| {
            let value = archived.get(name).map(|value| value.get());
            value.is_some_and(|value| value != "null" && !(name == "headers" && value == "{}"))
                || (name == "body_full" && read.line.body.is_some())
        };
        Ok(FILLED_IN.iter().all(|name| held.contains(name) || !is_told(name)))
    }

    /// Whether it has every occurrence.
    async fn has_occurrences(&self, read: &Read<'_>, here: &Here) -> Result<bool, IngestError> {
        let mut uuids: HashSet<Uuid> = HashSet::new();
        let mut fingerprints: HashSet<Uuid> = HashSet::new();
        for row in self.query(Statement::HeldOccurrences, &[&here.uuid]).await? {
            uuids.insert(row.try_get(0)?);
            fingerprints.extend(row.try_get::<_, Option<Uuid>>(1)?);
        }
        let Ok(events) = rows::<EventRow>(read.line.events) else { return Ok(true) };
        let Ok(folded) = rows::<EventRow>(read.line.folded) else { return Ok(true) };
        let is_here = |event: &EventRow| {
            uuids.contains(&event.uuid) || event.fingerprint.is_some_and(|told| fingerprints.contains(&told))
        };
        Ok(events.iter().chain(&folded).all(is_here))
    }

    /// Puts mails back as they were; those marked get another own id. Says which columns are not known here.
    async fn put_back(
        &self,
        mails: &[(&Read<'_>, bool)],
        look: &Look,
    ) -> Result<BTreeSet<String>, IngestError> {
        if mails.is_empty() {
            return Ok(BTreeSet::new());
        }
        let uuids: Vec<Uuid> = mails.iter().map(|(read, _)| read.line.uuid).collect();
        self.execute(Statement::ClearTombstones, &[&uuids]).await?;
        let mut unknown = BTreeSet::new();
        let heads: Vec<String> = mails
            .iter()
            .map(|(read, is_own_id_taken)| row_of(read, is_own_id_taken.then_some(read.line.uuid)))
            .collect::<Result<_, _>>()?;
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        unknown.extend(self.put_rows(MAILS, &heads).await?);
        let part = |part: for<'x> fn(&'x RestoredMail<'_>) -> &'x str| -> Vec<&str> {
            mails.iter().map(|(read, _)| part(&read.line)).filter(|rows| *rows != "[]").collect()
        };
        unknown.extend(self.put_rows(EVENTS, &part(|line| line.events)).await?);
        unknown.extend(self.put_rows(FOLDED, &part(|line| line.folded)).await?);
        unknown.extend(self.put_rows(RECIPIENTS, &part(|line| line.recipients)).await?);
        unknown.extend(self.put_rows(IDS, &part(|line| line.ids)).await?);
        unknown.extend(self.put_rows(REMOVED, &part(|line| line.removed)).await?);

        let objects: Vec<i64> = mails.iter().map(|(read, _)| read.line.object).collect();
        let digests: Vec<&[u8]> = mails.iter().map(|(read, _)| read.line.digest).collect();
        let (removed_here, new): (Vec<Uuid>, Vec<Uuid>) =
            uuids.iter().copied().partition(|uuid| look.removed.contains(uuid));
        removed::record(self.store, &self.transaction, &removed_here, Way::Back).await?;
        self.mark(&new).await?;
        self.execute(Statement::RememberRestored, &[&uuids, &objects, &digests]).await?;
        self.execute(Statement::ReopenArchiveObjects, &[&uuids]).await?;
        Ok(unknown)
    }

    /// Notes how mails stand here that are back as the archive has them: a body that was compressed stands in its mail again, which
    /// makes it no other mail. Not where the archive has them otherwise since.
    async fn note_as_archived<'r, 'line: 'r>(
        &self,
        mails: impl Iterator<Item = &'r Read<'line>>,
    ) -> Result<(), IngestError> {
        let archived: BTreeMap<Uuid, &[u8]> = mails.map(|read| (read.line.uuid, read.line.digest)).collect();
        let uuids: Vec<Uuid> = archived.keys().copied().collect();
        let here = digests(self.store, &self.transaction, Statement::MailDigests, &uuids).await?;
        let (mut changed, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
        for (mail, digest) in archived {
            if let Some(now) = here.get(&mail).filter(|now| now.as_slice() != digest) {
                changed.push(mail);
                before.push(digest);
                after.push(now.as_slice());
            }
        }
        if !changed.is_empty() {
            self.execute(Statement::NoteDigests, &[&changed, &before, &after]).await?;
        }
        Ok(())
    }

    /// The earliest of all events of these mails.
    async fn earliest_event(&self, mails: &[Uuid]) -> Result<Earliest, IngestError> {
        let rows = self.query(Statement::FindEarliestEvent, &[&mails]).await?;
        let times: Vec<Option<Timestamp>> =
            rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        Ok(Earliest::of(times.into_iter().flatten()))
    }

    /// The sums hold nothing of mails that were not removed here.
    async fn mark(&self, mails: &[Uuid]) -> Result<(), IngestError> {
        let rows = self.query(Statement::FindSendingTimes, &[&mails]).await?;
        let times: Vec<Timestamp> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let quarters: Vec<Timestamp> =
            times.into_iter().map(quarter_start).collect::<BTreeSet<_>>().into_iter().collect();
        if !quarters.is_empty() {
            self.execute(Statement::MarkFigures, &[&quarters]).await?;
        }
        Ok(())
    }

    /// Puts a mail beside the one here that it is, with keys of its own.
    async fn put_beside(&self, read: &Read<'_>, beside: Uuid) -> Result<BTreeSet<String>, IngestError> {
        let key = raw(&beside)?;
        let mut head: Fields = fields(read.line.mail)?;
        if let Some(body) = read.line.body {
            head.insert("body_full".to_owned(), raw(&body)?);
            head.insert("body_compressed".to_owned(), raw(&false)?);
        }
        head.insert("uuid".to_owned(), key.clone());
        head.insert("message_id".to_owned(), raw(&format!("aftersend:{beside}"))?);
        head.insert("aws_message_id".to_owned(), raw(&None::<String>)?);
        head.insert("aftersend_derived".to_owned(), raw(&true)?);
        let head = array(&[head])?;
        let mut unknown = self.put_rows(MAILS, &[&head]).await?;
        for (table, words, has_key) in [
            (EVENTS, read.line.events, true),
            (FOLDED, read.line.folded, true),
            (RECIPIENTS, read.line.recipients, false),
        ] {
            let mut rows: Vec<Fields> = rows(words).map_err(|error| unfit(&error))?;
            for row in &mut rows {
                row.insert("email_log_uuid".to_owned(), key.clone());
                if has_key {
                    row.insert("uuid".to_owned(), raw(&Uuid::now_v7())?);
                }
            }
            unknown.extend(self.put_rows(table, &[&array(&rows)?]).await?);
        }
        Ok(unknown)
    }

    /// Puts rows into a table, and says which of their columns it does not have.
    async fn put_rows(&self, table: &str, parts: &[&str]) -> Result<BTreeSet<String>, IngestError> {
        if parts.is_empty() {
            return Ok(BTreeSet::new());
        }
        let Rows { statement, names } = self.rows(table).await?;
        let mut unknown = BTreeSet::new();
        for part in parts {
            let rows: Vec<BTreeMap<String, &RawValue>> =
                serde_json::from_str(part).map_err(|error| unfit(&error))?;
            let names_of = rows.into_iter().flat_map(BTreeMap::into_keys);
            unknown
                .extend(names_of.filter(|name| !names.contains(name)).map(|name| format!("{table}.{name}")));
        }
        let put = self.transaction.prepare_cached(&statement).await?;
        match self.transaction.execute(&put, &[&parts]).await {
            // It was not here when it was looked for: somebody has made it since, and the next look finds it.
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                Err(IngestError::Repeat("a mail was made while it was brought back".to_owned()))
            }
            put => Ok(put.map(|_| unknown)?),
        }
    }

    async fn rows(&self, table: &str) -> Result<Rows, IngestError> {
        let columns = self.transaction.prepare_cached(self.store.sql(Statement::FindColumns)).await?;
        let row = self.transaction.query_one(&columns, &[&table]).await?;
        let conflict = match table {
            IDS => "ON CONFLICT (aws_message_id) DO NOTHING",
            REMOVED => "ON CONFLICT (uuid) DO NOTHING",
            _ => "",
        };
        let (list, values): (Option<&str>, Option<&str>) = (row.try_get("columns")?, row.try_get("values")?);
        let (Some(list), Some(values)) = (list, values) else {
            return Err(IngestError::Schema(format!("there is no table {table}")));
        };
        let statement = render(RESTORE_ROWS, self.store.prefix())
            .replace("\"rows_of\"", table)
            .replace("\"columns\"", list)
            .replace("\"values\"", values)
            .replace("\"defaults\"", row.try_get("defaults")?);
        let statement = format!("{statement}{conflict}");
        let names: Vec<String> = row.try_get("names")?;
        Ok(Rows { statement, names: names.into_iter().collect() })
    }
}

/// Those mails that come back: each as it was read, as it is without people who were erased, and whether that differs.
fn cleaned<'read, 'line: 'kept, 'without: 'kept, 'kept>(
    mails: &'read [Read<'line>],
    without: &'without [Without],
) -> Result<Vec<(&'read Read<'line>, Read<'kept>, bool)>, IngestError> {
    let mut kept = Vec::with_capacity(mails.len());
    for (mail, without) in mails.iter().zip(without) {
        match without {
            Without::Same => kept.push((mail, mail.clone(), false)),
            Without::Cleaned(cleaned) => {
                let clean = read(&cleaned.of(&mail.line)).map_err(IngestError::Data)?;
                kept.push((mail, clean, true));
            }
            Without::Nobody => {}
        }
    }
    Ok(kept)
}

fn read<'a>(line: &RestoredMail<'a>) -> Result<Read<'a>, String> {
    let head: Head = serde_json::from_str(line.mail).map_err(|error| error.to_string())?;
    let ids: Vec<IdRow> = rows(line.ids).map_err(|error| error.to_string())?;
    let ids = ids.into_iter().map(|row| row.aws_message_id).chain(head.aws_message_id.clone()).collect();
    Ok(Read { line: *line, head, ids })
}

/// A mail's row as an array of one, with its body, and with an own id that nobody else can have if it needs one.
fn row_of(read: &Read<'_>, renamed: Option<Uuid>) -> Result<String, IngestError> {
    if read.line.body.is_none() && renamed.is_none() {
        return Ok(format!("[{}]", read.line.mail));
    }
    let mut fields: Fields = fields(read.line.mail)?;
    if let Some(body) = read.line.body {
        fields.insert("body_full".to_owned(), raw(&body)?);
        fields.insert("body_compressed".to_owned(), raw(&false)?);
    }
    if let Some(uuid) = renamed {
        fields.insert("message_id".to_owned(), raw(&format!("aftersend:{uuid}"))?);
    }
    array(&[fields])
}

fn rows<T: DeserializeOwned>(words: &str) -> Result<Vec<T>, serde_json::Error> {
    serde_json::from_str(words)
}

fn fields(words: &str) -> Result<Fields, IngestError> {
    serde_json::from_str(words).map_err(|error| unfit(&error))
}

fn array(rows: &[Fields]) -> Result<String, IngestError> {
    serde_json::to_string(rows).map_err(|error| unfit(&error))
}

fn raw(value: &impl serde::Serialize) -> Result<Box<RawValue>, IngestError> {
    serde_json::value::to_raw_value(value).map_err(|error| unfit(&error))
}

fn unfit(error: &serde_json::Error) -> IngestError {
    // By kind and place alone: its words may quote what stands there.
    IngestError::Data(format!("its line is no JSON as it should be, at column {}", error.column()))
}
