//! The transaction that moves some bodies.

use std::collections::{BTreeMap, HashMap};

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::{
    CompressReport, MOVE_BODIES_MAX, MOVE_BODY_BYTES_MAX, Prepared,
    duplicates::{Shares, find_shares},
};
use crate::{
    IngestError, Store,
    archive::SameAsArchived,
    body::{
        Body, COLUMN_BYTES_MAX, bodies_of,
        elsewhere::{self, Elsewhere},
    },
    sql::Statement,
};

/// Moves bodies, a few in each transaction, and two transactions at once where nobody asks for gentleness: while the one waits
/// for the disk or for this program, the other goes on.
///
/// Cancel-safe: what was committed is done, and the rest is as it was.
pub(super) async fn move_all(
    store: &Store,
    prepared: Vec<Prepared>,
    is_gentle: bool,
) -> Result<CompressReport, IngestError> {
    // Equal bodies are moved one after the other, so that the later one finds the earlier.
    let is_first = |body: &Prepared| is_gentle || body.digest & 1 == 0;
    let (first, second): (Vec<Prepared>, Vec<Prepared>) = prepared.into_iter().partition(is_first);
    // Both to their ends: what one has committed is done, whatever becomes of the other.
    let (first, second) = tokio::join!(move_each(store, &first), move_each(store, &second));
    let mut report = first?;
    report += second?;
    Ok(report)
}

async fn move_each(store: &Store, prepared: &[Prepared]) -> Result<CompressReport, IngestError> {
    let mut report = CompressReport::default();
    let mut rest = prepared;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest.iter().take(MOVE_BODIES_MAX).take_while(|body| {
            bytes += body.bytes;
            bytes <= MOVE_BODY_BYTES_MAX
        });
        let (some, others) = rest.split_at(fitting.count().max(1));
        match store.in_time(move_some(store, some)).await {
            Ok(moved) => report += moved,
            // Somebody else's lock, a mail or a dictionary that went: the next pass meets what is left.
            Err(IngestError::Repeat(reason)) => {
                tracing::debug!(reason, bodies = some.len(), "bodies are put off");
                report.put_off += some.len() as u64;
            }
            Err(error) => return Err(error),
        }
        rest = others;
    }
    Ok(report)
}

/// Notes that some bodies stay as they are, while the mails' rows are what they were.
pub(super) async fn keep(store: &Store, kept: &[(Uuid, i64)]) -> Result<(), IngestError> {
    if kept.is_empty() {
        return Ok(());
    }
    let (mails, versions): (Vec<Uuid>, Vec<i64>) = kept.iter().copied().unzip();
    let keeping = store.in_time(async {
        let client = store.writer().await?;
        let keep = client.prepare_cached(store.sql(Statement::KeepBodies)).await?;
        client.execute(&keep, &[&mails, &versions]).await?;
        Ok(())
    });
    match keeping.await {
        // They are tried once more, which does no harm.
        Err(IngestError::Repeat(_)) => Ok(()),
        kept => kept,
    }
}

async fn move_some(store: &Store, prepared: &[Prepared]) -> Result<CompressReport, IngestError> {
    let mut client = store.writer().await?;
    let moving = Moving { store, transaction: client.build_transaction().start().await? };
    let mut report = CompressReport::default();
    let locked = moving.lock(prepared).await?;
    let mut moved: Vec<Moved<'_>> = Vec::new();
    for body in prepared {
        let Some((text, was_elsewhere)) = locked.get(&body.mail) else { continue };
        // The proof that the original may go: what will be stored says the same, byte for byte.
        let is_same =
            body.rule.decoder.body(&body.compressed, body.bytes, body.digest).as_deref() == Ok(text);
        if is_same {
            moved.push(Moved { body, text, was_elsewhere: *was_elsewhere });
        }
    }
    moved.sort_unstable_by_key(|moved| moved.body.mail);
    report.put_off = (prepared.len() - moved.len()) as u64;
    if moved.is_empty() {
        return Ok(report);
    }
    let mails: Vec<Uuid> = moved.iter().map(|moved| moved.body.mail).collect();
    let archived = SameAsArchived::find(store, &moving.transaction, &mails).await?;
    let shares = find_shares(&moving, &moved).await?;
    moving.store(&moved, &shares).await?;
    moving.require_stored(&moved).await?;
    archived.note(store, &moving.transaction, &mails).await?;
    for Moved { body, was_elsewhere, .. } in &moved {
        report.compressed += 1;
        report.recompressed += u64::from(*was_elsewhere);
        report.body_bytes += body.bytes as u64;
        report.column_bytes += body.column_bytes;
        let is_shared = shares.ids.contains_key(&body.mail);
        report.shared += u64::from(is_shared);
        report.stored_bytes += if is_shared { 0 } else { body.compressed.len() as u64 };
    }
    report.stored_bytes += shares.new_bytes;
    moving.transaction.commit().await?;
    Ok(report)
}

/// A body whose mail is locked, and that is what was compressed.
pub(super) struct Moved<'a> {
    pub(super) body: &'a Prepared,
    pub(super) text: &'a str,
    was_elsewhere: bool,
}

/// A transaction that moves bodies.
pub(super) struct Moving<'a> {
    store: &'a Store,
    transaction: Transaction<'a>,
}

impl Moving<'_> {
    pub(super) async fn prepare(
        &self,
        statement: Statement,
    ) -> Result<tokio_postgres::Statement, IngestError> {
        Ok(self.transaction.prepare_cached(self.store.sql(statement)).await?)
    }

    pub(super) fn transaction(&self) -> &Transaction<'_> {
        &self.transaction
    }

    /// Locks the mails that nobody else holds, and reads their bodies, each with whether an application's archiver had
    /// compressed it.
    async fn lock(&self, prepared: &[Prepared]) -> Result<HashMap<Uuid, (String, bool)>, IngestError> {
        let mails: Vec<Uuid> = prepared.iter().map(|body| body.mail).collect();
        let lock = self.prepare(Statement::LockBodies).await?;
        let mut locked = HashMap::new();
        for row in self.transaction.query(&lock, &[&mails]).await? {
            let column: String = row.try_get("body_full")?;
            let is_elsewhere: bool = row.try_get("body_compressed")?;
            let text = match is_elsewhere.then(|| elsewhere::read(&column)) {
                None => Some(column),
                Some(Elsewhere::Text(text)) => Some(text),
                // It was changed since it was looked at.
                Some(Elsewhere::Other | Elsewhere::TooLong) => None,
            };
            if let Some(text) = text {
                locked.insert(row.try_get("uuid")?, (text, is_elsewhere));
            }
        }
        Ok(locked)
    }

    /// Stores the bodies and takes them out of their mails.
    async fn store(&self, moved: &[Moved<'_>], shares: &Shares) -> Result<(), IngestError> {
        // Sorted by mail.
        let mails: Vec<Uuid> = moved.iter().map(|moved| moved.body.mail).collect();
        let digests: Vec<i64> = moved.iter().map(|moved| moved.body.digest).collect();
        let bytes: Vec<i32> = moved.iter().map(|moved| length(moved.body.bytes)).collect();
        let shared: Vec<Option<i32>> = mails.iter().map(|mail| shares.ids.get(mail).copied()).collect();
        let own = |moved: &&Moved<'_>| !shares.ids.contains_key(&moved.body.mail);
        let dictionaries: Vec<Option<i32>> = moved
            .iter()
            .map(|moved| Some(moved).filter(own).and_then(|moved| moved.body.rule.dictionary_id))
            .collect();
        let data: Vec<Option<&[u8]>> = moved
            .iter()
            .map(|moved| Some(moved).filter(own).map(|moved| moved.body.compressed.as_slice()))
            .collect();
        let store = self.prepare(Statement::StoreBodies).await?;
        self.transaction.execute(&store, &[&mails, &digests, &bytes, &dictionaries, &shared, &data]).await?;
        if !shares.promoted.is_empty() {
            // By mail: two jobs that promote the same meet in one order.
            let mails: Vec<Uuid> = shares.promoted.keys().copied().collect();
            let promoted = || shares.promoted.values();
            let ids: Vec<i32> = promoted().map(|promoted| promoted.shared_id).collect();
            let versions: Vec<i64> = promoted().map(|promoted| promoted.row_version).collect();
            let point = self.prepare(Statement::PointToShared).await?;
            self.transaction.execute(&point, &[&mails, &ids, &versions]).await?;
        }
        let take_out = self.prepare(Statement::TakeOutBodies).await?;
        let taken_out = self.transaction.execute(&take_out, &[&mails]).await?;
        require(taken_out == mails.len() as u64, "a mail that is locked was not there")
    }

    /// The last look before the commit: each body is read as anybody will, and is what it was.
    async fn require_stored(&self, moved: &[Moved<'_>]) -> Result<(), IngestError> {
        let mails: Vec<Uuid> = moved.iter().map(|moved| moved.body.mail).collect();
        let read = self.prepare(Statement::ReadBodies).await?;
        let rows = self.transaction.query(&read, &[&mails, &COLUMN_BYTES_MAX]).await?;
        let stored = bodies_of(&rows)?;
        let is_same = |moved: &Moved<'_>| matches!(stored.get(&moved.body.mail), Some(Body::Text(text)) if text == moved.text);
        require(moved.iter().all(is_same), "a stored body is not what it was")
    }
}

/// A body's length as its row has it; none is longer than a few megabytes.
pub(super) fn length(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

/// A check that only a fault of this program or of the server can fail. The transaction ends without a commit.
pub(super) fn require(holds: bool, otherwise: &str) -> Result<(), IngestError> {
    if holds { Ok(()) } else { Err(IngestError::Blocked(format!("{otherwise}; nothing was changed"))) }
}

/// Bodies by what they say.
pub(super) fn by_digest<'a>(moved: &'a [Moved<'a>]) -> BTreeMap<i64, Vec<&'a Moved<'a>>> {
    let mut groups: BTreeMap<i64, Vec<&Moved<'_>>> = BTreeMap::new();
    for moved in moved {
        groups.entry(moved.body.digest).or_default().push(moved);
    }
    groups
}
