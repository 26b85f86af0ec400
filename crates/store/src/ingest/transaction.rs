//! The transaction that stores a batch, statement by statement.
//!
//! Under READ COMMITTED, with any number of racing connections. What makes it safe is the order: unknown mails
//! are made before any row is locked; then all mails of the batch are locked in the order of their uuids, and
//! from there on racing batches wait for each other mail by mail; what merges need is read under those locks;
//! every other set is written in the order of its key.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aftersend_event::{BlockReason, Status};
use deadpool_postgres::Transaction;
use sha2::{Digest, Sha256};
use tokio_postgres::{Row, error::SqlState, types::ToSql};
use uuid::Uuid;

use super::{
    Batch, BatchReport, Poison,
    events::{Owner, Owners},
    facts::{Described, Facts, Times, cut_for_column, storable},
    mail_columns::MailColumns,
    occurrence::distinct,
    recipients::fates_by_mail,
};
use crate::{IngestError, Store, sql::Statement, tags};

/// Runs one batch.
pub(super) async fn run(store: &Store, batch: &Batch<'_>) -> Result<BatchReport, IngestError> {
    // What needs no database is done before any lock is held.
    let facts = facts_by_mail(store, batch);
    let occurrences = distinct(&batch.arrivals);
    let recipients = fates_by_mail(batch);

    let mut client = store.writer().await?;
    let transaction = client.build_transaction().start().await?;
    let writer = Writer { store, transaction };
    let mails = writer.lock_mails(&facts).await?;
    let owners: Owners<'_> = mails.iter().flat_map(LockedMail::owners).collect();
    let fates = writer.store_occurrences(&occurrences, &owners).await?;
    writer.merge_mails(&facts, &mails).await?;
    writer.merge_recipients(&recipients, &owners).await?;
    writer.block(batch).await?;
    writer.quarantine(&batch.poisons).await?;

    let report = BatchReport {
        stored: fates.stored,
        folded: fates.folded,
        // Known to the database, or several times in the batch.
        repeated: fates.repeated + batch.arrivals.len() - occurrences.len(),
        parked: 0,
        quarantined: batch.poisons.len(),
    };
    require_sum(batch, &report)?;
    writer.transaction.commit().await?;
    Ok(report)
}

/// The last look before the commit: each event of the batch is accounted for once.
fn require_sum(batch: &Batch<'_>, report: &BatchReport) -> Result<(), IngestError> {
    let received = batch.arrivals.len() + batch.poisons.len();
    let accounted = report.stored + report.repeated + report.folded + report.parked + report.quarantined;
    if accounted == received {
        return Ok(());
    }
    Err(IngestError::Unaccounted { received, accounted })
}

/// What the batch says of each mail, by SES id: all events count, repeats too.
fn facts_by_mail(store: &Store, batch: &Batch<'_>) -> BTreeMap<String, Facts> {
    let mut mails: BTreeMap<String, Facts> = BTreeMap::new();
    for arrival in &batch.arrivals {
        let facts = Facts::of(arrival.event, &store.tag_names);
        match mails.get_mut(&*arrival.event.mail.message_id) {
            Some(known) => known.merge(&facts, true),
            None => {
                mails.insert(arrival.event.mail.message_id.to_string(), facts);
            }
        }
    }
    mails
}

/// SES ids that mails have beside the one in their column.
type Aliases = BTreeMap<Uuid, Vec<String>>;

/// A mail's row, under this transaction's lock.
struct LockedMail {
    uuid: Uuid,
    derived: bool,
    facts: Facts,
    /// The state as the row spells it, which may be an application's own invention.
    status: String,
    /// The SES ids of the batch that lead to this row.
    ids: Vec<String>,
}

impl LockedMail {
    /// Whose the events of its SES ids are.
    fn owners(&self) -> impl Iterator<Item = (&str, Owner<'_>)> {
        let logged_to = (!self.derived).then_some(self.facts.described.to.as_str());
        let owner = Owner { mail: self.uuid, logged_to };
        self.ids.iter().map(move |id| (id.as_str(), owner))
    }
}

pub(super) struct Writer<'a> {
    store: &'a Store,
    pub(super) transaction: Transaction<'a>,
}

impl Writer<'_> {
    pub(super) async fn prepare(
        &self,
        statement: Statement,
    ) -> Result<tokio_postgres::Statement, IngestError> {
        Ok(self.transaction.prepare_cached(self.store.sql(statement)).await?)
    }

    /// Finds the mails, makes the unknown ones, and locks them all.
    async fn lock_mails(&self, facts: &BTreeMap<String, Facts>) -> Result<Vec<LockedMail>, IngestError> {
        let ids: Vec<&str> = facts.keys().map(String::as_str).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.prepare(Statement::FindMails).await?;
        let rows = self.transaction.query(&found, &[&ids]).await?;
        let mut known: HashSet<String> = HashSet::with_capacity(rows.len());
        let mut aliases: Aliases = BTreeMap::new();
        for row in &rows {
            let id: String = row.try_get("aws_message_id")?;
            if row.try_get("alias")? {
                aliases.entry(row.try_get("uuid")?).or_default().push(id.clone());
            }
            known.insert(id);
        }
        let unknown: Vec<&str> = ids.iter().copied().filter(|id| !known.contains(*id)).collect();
        if !unknown.is_empty() {
            self.adopt_mails(&unknown).await?;
            self.make_mails(facts, &unknown, |_, id| id.to_owned()).await?;
        }
        let mut mails = self.lock(&ids, &aliases).await?;
        let missing = without_mail(&ids, &mails);
        if !missing.is_empty() {
            let changed = || {
                IngestError::Repeat("a mail was changed or removed while its events were stored".to_owned())
            };
            // Either their SES ids are the own ids of other mails; these take one that nobody else can have. Or
            // somebody changed a row in the meantime, and the next try finds it as it is then.
            if self.taken_message_ids(&missing).await? != missing.len() {
                return Err(changed());
            }
            self.make_mails(facts, &missing, |uuid, _| format!("aftersend:{uuid}")).await?;
            mails = self.lock(&ids, &aliases).await?;
            if !without_mail(&ids, &mails).is_empty() {
                return Err(changed());
            }
        }
        Ok(mails)
    }

    /// Gives rows that an application logged under their SES ids these ids in the column, too.
    async fn adopt_mails(&self, ids: &[&str]) -> Result<(), IngestError> {
        let adopt = self.prepare(Statement::AdoptMails).await?;
        match self.transaction.execute(&adopt, &[&ids]).await {
            // No row had the id when they were looked up: one has got it since.
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                Err(IngestError::Repeat("a mail got its SES id while its events were stored".to_owned()))
            }
            result => Ok(result.map(drop)?),
        }
    }

    async fn taken_message_ids(&self, ids: &[&str]) -> Result<usize, IngestError> {
        let taken = self.prepare(Statement::FindTakenMessageIds).await?;
        Ok(self.transaction.query(&taken, &[&ids]).await?.len())
    }

    async fn make_mails(
        &self,
        facts: &BTreeMap<String, Facts>,
        ids: &[&str],
        message_id: impl Fn(Uuid, &str) -> String,
    ) -> Result<(), IngestError> {
        let mut columns = MailColumns::default();
        let mut message_ids: Vec<String> = Vec::with_capacity(ids.len());
        for &id in ids {
            let uuid = Uuid::now_v7();
            message_ids.push(message_id(uuid, id));
            // SES reports on mails that it has accepted, whatever its report says.
            columns.push(uuid, &facts[id], facts[id].status.unwrap_or(Status::Sent).name().to_owned());
        }
        let make = self.prepare(Statement::MakeMails).await?;
        let keys: [&(dyn ToSql + Sync); 3] = [&columns.uuid, &message_ids, &ids];
        let parameters: Vec<_> = keys.into_iter().chain(columns.parameters()).collect();
        self.transaction.execute(&make, &parameters).await?;
        Ok(())
    }

    async fn lock(&self, ids: &[&str], aliases: &Aliases) -> Result<Vec<LockedMail>, IngestError> {
        let by_uuid: Vec<Uuid> = aliases.keys().copied().collect();
        let lock = self.prepare(Statement::LockMails).await?;
        let rows = self.transaction.query(&lock, &[&ids, &by_uuid]).await?;
        let wanted: HashSet<&str> = ids.iter().copied().collect();
        let mut mails: Vec<LockedMail> =
            rows.iter().map(|row| locked_mail(row, &wanted)).collect::<Result<_, _>>()?;
        // The column decides; only an id that no column holds is looked for beside it.
        let in_columns: HashSet<String> = mails.iter().flat_map(|mail| mail.ids.iter().cloned()).collect();
        for mail in &mut mails {
            let beside = aliases.get(&mail.uuid).into_iter().flatten();
            mail.ids.extend(beside.filter(|id| !in_columns.contains(*id)).cloned());
        }
        Ok(mails)
    }

    /// Writes back the mails that the batch's events change.
    async fn merge_mails(
        &self,
        facts: &BTreeMap<String, Facts>,
        mails: &[LockedMail],
    ) -> Result<(), IngestError> {
        let mut columns = MailColumns::default();
        let merged: Vec<(Uuid, Facts, String)> =
            mails.iter().filter_map(|mail| changed(mail, facts)).collect();
        for (uuid, facts, status) in &merged {
            columns.push(*uuid, facts, status.clone());
        }
        if merged.is_empty() {
            return Ok(());
        }
        let update = self.prepare(Statement::UpdateMails).await?;
        let key: [&(dyn ToSql + Sync); 1] = [&columns.uuid];
        let parameters: Vec<_> = key.into_iter().chain(columns.parameters()).collect();
        self.transaction.execute(&update, &parameters).await?;
        Ok(())
    }

    /// Blocks the addresses that the batch's events speak against, each for its strongest reason.
    async fn block(&self, batch: &Batch<'_>) -> Result<(), IngestError> {
        let mut wanted: BTreeMap<String, BlockReason> = BTreeMap::new();
        for (address, reason) in batch.arrivals.iter().flat_map(|arrival| arrival.event.blocks()) {
            let strongest = wanted.entry(cut_for_column(&address)).or_insert(reason);
            *strongest = (*strongest).max(reason);
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let uuids: Vec<Uuid> = wanted.iter().map(|_| Uuid::now_v7()).collect();
        let addresses: Vec<&str> = wanted.keys().map(String::as_str).collect();
        let reasons: Vec<&str> = wanted.values().map(|reason| reason.name()).collect();
        let strengths: Vec<i32> = wanted
            .values()
            .map(|reason| match reason {
                BlockReason::HardBounce => 1,
                BlockReason::Complaint => 2,
            })
            .collect();
        let block = self.prepare(Statement::BlockAddresses).await?;
        self.transaction.execute(&block, &[&uuids, &addresses, &reasons, &strengths]).await?;
        Ok(())
    }

    async fn quarantine(&self, poisons: &[Poison<'_>]) -> Result<(), IngestError> {
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

/// The ids that no locked mail answers to.
fn without_mail<'a>(ids: &[&'a str], mails: &[LockedMail]) -> Vec<&'a str> {
    let held: BTreeSet<&str> = mails.iter().flat_map(|mail| mail.ids.iter().map(String::as_str)).collect();
    ids.iter().copied().filter(|id| !held.contains(id)).collect()
}

/// The mail as its events make it, if that is not as its row has it.
fn changed(mail: &LockedMail, facts: &BTreeMap<String, Facts>) -> Option<(Uuid, Facts, String)> {
    let mut merged = mail.facts.clone();
    for id in &mail.ids {
        merged.merge(&facts[id], mail.derived);
    }
    let status = match merged.status {
        Some(status) if merged.status != mail.facts.status => status.name().to_owned(),
        _ => mail.status.clone(),
    };
    (merged != mail.facts).then_some((mail.uuid, merged, status))
}

fn locked_mail(row: &Row, wanted: &HashSet<&str>) -> Result<LockedMail, tokio_postgres::Error> {
    let uuid: Uuid = row.try_get("uuid")?;
    // What the column holds now, under the lock: an application may have changed it since the row was found.
    let column: Option<String> = row.try_get("aws_message_id")?;
    let ids: Vec<String> = column.into_iter().filter(|id| wanted.contains(id.as_str())).collect();
    let tags: Option<String> = row.try_get("message_tags")?;
    let status: String = row.try_get("status")?;
    Ok(LockedMail {
        uuid,
        derived: row.try_get("derived")?,
        facts: Facts {
            described: Described {
                to: row.try_get("to")?,
                from: row.try_get("from")?,
                subject: row.try_get("subject")?,
                template_name: row.try_get("template_name")?,
                campaign_id: row.try_get("campaign_id")?,
                configuration_set: row.try_get("configuration_set")?,
                tags: tags.as_deref().map(tags::read_sets).unwrap_or_default(),
                sent_at: row.try_get("sent_at")?,
            },
            status: Status::from_name(&status),
            times: Times {
                delayed_at: row.try_get("delayed_at")?,
                delivered_at: row.try_get("delivered_at")?,
                opened_at: row.try_get("opened_at")?,
                clicked_at: row.try_get("clicked_at")?,
                bounced_at: row.try_get("bounced_at")?,
                failed_at: row.try_get("failed_at")?,
                rejected_at: row.try_get("rejected_at")?,
                complained_at: row.try_get("complained_at")?,
            },
        },
        status,
        ids,
    })
}
