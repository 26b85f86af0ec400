//! A person's right to erasure: everything that names an address goes, what counts stays, and nothing that comes late
//! brings it back.
//!
//! A mail that went to the person alone is emptied: no text of it stays, its SES ids become tombstones, and its events keep
//! their types, times and fingerprints. Of a mail that went to others as well, the person's part goes: wherever the address
//! stands, a pseudonym does from then on. Events that come late and name somebody who was erased are stored with the
//! pseudonym, under the fingerprint that they had.

mod archived;
mod dictionaries;
mod hash;
mod mail;
mod names;
mod sums;
mod sweep;

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use aftersend_event::normalise_address;
use jiff::Timestamp;
use uuid::Uuid;

pub use archived::{ArchiveSearch, ErasedMail, NamedAs};
pub(crate) use archived::{Without, addresses_in_mails, forget_archived, without_erased};
pub(crate) use hash::{HashKey, is_pseudonym};
pub(crate) use names::{Person, address_places, addresses_in, addresses_in_json};

use crate::{
    Block, FigureKeeper, IngestError, QueryError, Store, body::tidy, ingest::transaction::Writer,
    sql::Statement,
};

/// How often a transaction is tried that others stand in the way of, and how long to wait in between.
const TRIES_MAX: u32 = 60;
const TRY_PAUSE: Duration = Duration::from_millis(250);

/// Rounds in which figures are counted anew; what is left then, `serve` counts.
const COUNT_ROUNDS_MAX: usize = 1_000;

/// Mails whose objects are asked for at once.
const NAMED_MAILS_MAX: usize = 1_000;

/// What an erasure does, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EraseReport {
    /// Mails that went to the person alone: emptied.
    pub mails_emptied: u64,
    /// Mails of others that named the person: without it now.
    pub mails_cleaned: u64,
    /// Events, folded ones among them, that were cut down or cleaned.
    pub events: u64,
    /// Parked events that were removed or cleaned.
    pub parked: u64,
    /// Events that step 137 had removed, removed for good or cleaned.
    pub removed: u64,
    /// Messages taken out of the quarantine.
    pub quarantined: u64,
    /// Blocks that are kept as a hash now.
    pub blocks: u64,
    /// Late events of archived mails that were removed or cleaned.
    pub late: u64,
    /// Sums by template and link, of mails that were removed, that named the person.
    pub sums: u64,
    /// Dictionaries of compressed bodies that named the person, and are gone.
    pub dictionaries: u64,
    /// Those that stay, since bodies that can't be read refer to them, or a job went on to store others with them.
    pub dictionaries_kept: u64,
    /// Mails looked at for texts that name the person.
    pub mails_swept: u64,
    /// Objects in the archive that have mails of these as they were, as far as the database knows: of mails that are not
    /// here it does not. [`ArchiveSearch`] finds all.
    pub archive_objects: BTreeSet<String>,
}

/// Why nobody was erased, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// It is no address.
    #[error("this is no address: it needs one `@` with something on both sides, and no spaces")]
    Address,
    /// The database stood in the way.
    #[error(transparent)]
    Store(#[from] IngestError),
}

/// An erasure at work.
struct Erasure<'a> {
    store: &'a Store,
    person: Person,
    is_dry: bool,
    report: EraseReport,
    /// Mails that were looked at.
    seen: HashSet<Uuid>,
    /// Those of them that named the person.
    named: Vec<Uuid>,
}

impl Store {
    /// Erases the person of an address, or tells what that would do. To do so again changes nothing, and does what was left
    /// when it was broken off.
    ///
    /// Looks at the mails that went to the address first, and then at everything else for texts that name it, some rows at
    /// a time; `on_progress` hears of each part.
    ///
    /// # Errors
    ///
    /// When it is no address, or the database stands in the way for long: what was done is done, do it again.
    pub async fn erase(
        &self,
        address: &str,
        is_dry: bool,
        on_progress: &mut (dyn FnMut(&EraseReport) + Send),
    ) -> Result<EraseReport, EraseError> {
        let address = address_of(address)?;
        let key = match self.hash_key().await? {
            Some(key) => key,
            // Nothing that is made up for a look is kept.
            None if is_dry => HashKey::new(Vec::new()),
            None => self.make_hash_key().await?,
        };
        let pseudonym = key.pseudonym(&address);
        let hash = key.hash(&address);
        let person = Person::new(address, pseudonym);
        let mut erasure = Erasure {
            store: self,
            person,
            is_dry,
            report: EraseReport::default(),
            seen: HashSet::new(),
            named: Vec::new(),
        };
        erasure.note(&hash).await?;
        on_progress(&erasure.report);
        for mail in erasure.find_mails().await? {
            erasure.erase_mail(mail).await?;
            on_progress(&erasure.report);
        }
        erasure.sweep(on_progress).await?;
        erasure.sweep_sums().await?;
        erasure.sweep_dictionaries().await?;
        erasure.find_objects().await?;
        let report = erasure.report;
        if !is_dry {
            tidy(self, Duration::ZERO).await?;
        }
        if !is_dry && (report.mails_emptied + report.mails_cleaned + report.sums > 0) {
            self.count_without_erased().await?;
        }
        Ok(report)
    }

    /// Counts anew what was kept by links that named somebody. Where another process keeps figures, it does that.
    async fn count_without_erased(&self) -> Result<(), IngestError> {
        let mut keeper = FigureKeeper::new(self).at_once();
        for _ in 0..COUNT_ROUNDS_MAX {
            match keeper.round().await {
                Ok(round) if round.is_through || round.is_elsewhere => return Ok(()),
                Ok(_) => {}
                Err(IngestError::Repeat(reason)) => {
                    tracing::debug!(reason, "figures are counted again later");
                    tokio::time::sleep(TRY_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The key of this database's hashes, if anybody was erased here.
    async fn hash_key(&self) -> Result<Option<HashKey>, IngestError> {
        let client = self.writer().await?;
        let read = client.prepare_cached(self.sql(Statement::ReadHashKey)).await?;
        let row = client.query_one(&read, &[]).await?;
        Ok(row.try_get::<_, Option<Vec<u8>>>("key")?.map(HashKey::new))
    }

    async fn make_hash_key(&self) -> Result<HashKey, IngestError> {
        let client = self.writer().await?;
        let make = client.prepare_cached(self.sql(Statement::MakeHashKey)).await?;
        client.execute(&make, &[]).await?;
        drop(client);
        self.hash_key()
            .await?
            .ok_or_else(|| IngestError::Repeat("the key of hashes is gone again".to_owned()))
    }

    /// The block of an erased person, for who has the address.
    pub(crate) async fn find_erased_block(&self, address: &str) -> Result<Option<Block>, QueryError> {
        let client = self.reader().await?;
        let read = client.prepare_cached(self.sql(Statement::ReadHashKey)).await?;
        let row = client.query_opt(&read, &[]).await?;
        let Some(row) = row else { return Ok(None) };
        let Some(secret) = row.try_get::<_, Option<Vec<u8>>>("key")? else { return Ok(None) };
        let address = normalise_address(address);
        let hash = HashKey::new(secret).hash(&address);
        let find = client.prepare_cached(self.sql(Statement::FindErasedBlock)).await?;
        let row = client.query_opt(&find, &[&hash]).await?;
        Ok(row.as_ref().map(|row| erased_block(row, address)).transpose()?)
    }

    /// Lifts the block of an erased person.
    pub(crate) async fn unblock_erased(&self, address: &str) -> Result<Option<Block>, QueryError> {
        let client = self.writer().await?;
        let read = client.prepare_cached(self.sql(Statement::ReadHashKey)).await?;
        let row = client.query_one(&read, &[]).await?;
        let Some(secret) = row.try_get::<_, Option<Vec<u8>>>("key")? else { return Ok(None) };
        let address = normalise_address(address);
        let hash = HashKey::new(secret).hash(&address);
        let unblock = client.prepare_cached(self.sql(Statement::UnblockErased)).await?;
        let row = client.query_opt(&unblock, &[&hash]).await?;
        Ok(row.as_ref().map(|row| erased_block(row, address)).transpose()?)
    }
}

fn erased_block(row: &tokio_postgres::Row, address: String) -> Result<Block, tokio_postgres::Error> {
    let blocked_at = row.try_get("blocked_at")?;
    Ok(Block {
        address,
        reason: row.try_get("reason")?,
        expires_at: row.try_get("expires_at")?,
        holds: row.try_get("holds")?,
        user: None,
        inserted_at: blocked_at,
        updated_at: blocked_at,
    })
}

impl Erasure<'_> {
    /// Writes down that the person was erased, and takes the block with it. From here on what comes in does not name the
    /// person any more; what was being stored meanwhile is there.
    async fn note(&mut self, hash: &Vec<u8>) -> Result<(), IngestError> {
        let store = self.store;
        let pattern = like(&self.person.address);
        let blocks = retry(async || {
            let mut client = store.writer().await?;
            let writer = Writer { store, transaction: client.build_transaction().start().await? };
            let find = writer.prepare(Statement::FindErasedBlocks).await?;
            let rows = writer.transaction.query(&find, &[&pattern]).await?;
            let mut blocks: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
            blocks.retain(|address| self.person.is_named_in(address));
            if !self.is_dry {
                writer.transaction.batch_execute(store.sql(Statement::LockErased)).await?;
                let note = writer.prepare(Statement::NoteErased).await?;
                writer.transaction.execute(&note, &[hash, &blocks]).await?;
                writer.transaction.commit().await?;
            }
            Ok(blocks.len())
        })
        .await?;
        self.report.blocks += blocks as u64;
        Ok(())
    }

    /// The objects of the archive that have mails of those that named the person, as they were.
    async fn find_objects(&mut self) -> Result<(), IngestError> {
        let store = self.store;
        for part in self.named.chunks(NAMED_MAILS_MAX) {
            let names = retry(async || {
                let client = store.writer().await?;
                let find = client.prepare_cached(store.sql(Statement::ObjectsOfMails)).await?;
                let rows = client.query(&find, &[&part]).await?;
                Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?)
            });
            self.report.archive_objects.extend(names.await?);
        }
        Ok(())
    }

    /// The mails that went to the address, as far as indexes tell.
    async fn find_mails(&self) -> Result<Vec<Uuid>, IngestError> {
        let store = self.store;
        let pattern = like(&self.person.address);
        retry(async || {
            let client = store.writer().await?;
            let find = client.prepare_cached(store.sql(Statement::FindMailsOfPerson)).await?;
            let rows = client.query(&find, &[&self.person.address, &pattern]).await?;
            Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// An address as people write it, if it is one.
fn address_of(text: &str) -> Result<String, EraseError> {
    let address = normalise_address(text);
    let is_address = address
        .split_once('@')
        .is_some_and(|(local, host)| !local.is_empty() && !host.is_empty() && !host.contains('@'));
    if !is_address || address.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(EraseError::Address);
    }
    Ok(address)
}

/// Again where others stand in the way, for a while.
async fn retry<T>(work: impl AsyncFn() -> Result<T, IngestError>) -> Result<T, IngestError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match work().await {
            Err(IngestError::Repeat(reason)) if tries < TRIES_MAX => {
                tracing::debug!(reason, "a part of an erasure is tried again");
                tokio::time::sleep(TRY_PAUSE).await;
            }
            done => return done,
        }
    }
}

/// A pattern for texts that have this part, in any case.
fn like(part: &str) -> String {
    let escaped = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

/// When a person was erased.
#[derive(Clone, Debug)]
pub(crate) struct ErasedPerson {
    pub(crate) person: Person,
    pub(crate) hash: Vec<u8>,
    pub(crate) erased_at: Timestamp,
}

impl Writer<'_> {
    /// Who of those that texts name was erased. `addresses` are asked for only where anybody was.
    pub(crate) async fn find_erased(
        &self,
        addresses: impl FnOnce() -> BTreeSet<String>,
    ) -> Result<Vec<ErasedPerson>, IngestError> {
        find_erased(self.store, &self.transaction, addresses).await
    }
}

/// The same for who has a transaction alone: until its end nobody is erased.
pub(crate) async fn find_erased(
    store: &Store,
    transaction: &deadpool_postgres::Transaction<'_>,
    addresses: impl FnOnce() -> BTreeSet<String>,
) -> Result<Vec<ErasedPerson>, IngestError> {
    let read = transaction.prepare_cached(store.sql(Statement::ReadHashKey)).await?;
    let row = transaction.query_one(&read, &[]).await?;
    let secret: Option<Vec<u8>> = row.try_get("key")?;
    let (Some(secret), true) = (secret, row.try_get("is_any")?) else { return Ok(Vec::new()) };
    let key = HashKey::new(secret);
    let addresses: Vec<(Vec<u8>, String)> =
        addresses().into_iter().map(|address| (key.hash(&address), address)).collect();
    let hashes: Vec<&[u8]> = addresses.iter().map(|(hash, _)| hash.as_slice()).collect();
    let find = transaction.prepare_cached(store.sql(Statement::FindErased)).await?;
    let mut found = Vec::new();
    for row in transaction.query(&find, &[&hashes]).await? {
        let hash: Vec<u8> = row.try_get("address_hmac")?;
        let Some((_, address)) = addresses.iter().find(|(other, _)| *other == hash) else { continue };
        let person = Person::new(address.clone(), key.pseudonym(address));
        found.push(ErasedPerson { person, hash, erased_at: row.try_get("erased_at")? });
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
