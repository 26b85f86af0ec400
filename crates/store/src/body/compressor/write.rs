//! The transaction that moves some bodies.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    CompressReport, MOVE_BODIES_MAX, MOVE_BODY_BYTES_MAX, Prepared,
    columns::{Column, columns_of},
    duplicates::{Shares, find_shares},
    rules::Kept,
};
use crate::{
    IngestError, Store,
    archive::SameAsArchived,
    body::{Body, COLUMN_BYTES_MAX, bodies_of},
    sql::Statement,
};

/// Foreign keys are checked row by row, by statements that the session keeps. Those that store are set to plan each statement
/// anew, which takes longer than such a check itself.
const PLAN_FOREIGN_KEYS_ONCE: &str = "SET LOCAL plan_cache_mode = auto";

/// As connections that store are set.
const PLAN_EACH_TIME: &str = "SET LOCAL plan_cache_mode = force_custom_plan";

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
    // Bodies that are moved one by one: of those together, one was refused.
    let mut alone = 0;
    while !rest.is_empty() {
        let mut bytes = 0;
        let most = if alone > 0 { 1 } else { MOVE_BODIES_MAX };
        let fitting = rest.iter().take(most).take_while(|body| {
            bytes += body.original.text.len();
            bytes <= MOVE_BODY_BYTES_MAX
        });
        let (some, others) = rest.split_at(fitting.count().max(1));
        match store.in_time(Box::pin(move_some(store, some))).await {
            Ok(moved) => report += moved,
            // Somebody else's lock, a mail or a dictionary that went: the next pass meets what is left.
            Err(IngestError::Repeat(reason)) => {
                tracing::debug!(reason, bodies = some.len(), "bodies are put off");
                report.put_off += some.len() as u64;
            }
            Err(IngestError::Data(_)) if some.len() > 1 => {
                alone = some.len();
                continue;
            }
            // An application's trigger keeps the body where it is, and no other with it.
            Err(IngestError::Data(reason)) => {
                tracing::debug!(reason, "a body is not taken out of its mail");
                let refused: Vec<(Uuid, i64)> =
                    some.iter().map(|body| (body.original.mail, body.original.row_version)).collect();
                keep(store, &refused).await?;
                report.kept += refused.len() as u64;
            }
            Err(error) => return Err(error),
        }
        alone = alone.saturating_sub(some.len());
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
    match moving.move_locked(prepared).await {
        Ok(report) => {
            moving.transaction.commit().await?;
            Ok(report)
        }
        Err(error) => {
            // The mails are free again before anybody looks for them: else the next transaction passes over them.
            moving.transaction.rollback().await?;
            Err(error)
        }
    }
}

/// A body whose mail is locked, and that is what was compressed.
pub(super) struct Moved<'a> {
    pub(super) body: &'a Prepared,
    was_elsewhere: bool,
}

impl Moved<'_> {
    pub(super) fn mail(&self) -> Uuid {
        self.body.original.mail
    }

    pub(super) fn text(&self) -> &str {
        &self.body.original.text
    }

    /// Whether a row of [`Statement::ReadStoredBodies`] says what the original does to whoever reads it.
    fn is_said_by(&self, row: &Row) -> Result<bool, tokio_postgres::Error> {
        let Prepared { digest, rule, .. } = self.body;
        let dictionary_id: Option<i32> = row.try_get("dictionary_id")?;
        let dictionary = dictionary_id.zip(row.try_get("dictionary_version")?);
        Ok(row.try_get::<_, i64>("digest")? == *digest
            && row.try_get::<_, i32>("bytes")? == length(self.text().len())
            && dictionary.map(|(id, row_version)| Kept { id, row_version }) == rule.dictionary
            && rule.decoder.says(row.try_get("compressed")?, self.text().as_bytes()))
    }
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

    /// Moves the bodies of those mails that nobody else holds, as far as they are what was compressed.
    async fn move_locked(&self, prepared: &[Prepared]) -> Result<CompressReport, IngestError> {
        let mut report = CompressReport::default();
        let moved = self.lock(prepared).await?;
        report.put_off = (prepared.len() - moved.len()) as u64;
        if moved.is_empty() {
            return Ok(report);
        }
        let mails: Vec<Uuid> = moved.iter().map(Moved::mail).collect();
        let archived = SameAsArchived::find(self.store, &self.transaction, &mails).await?;
        let shares = find_shares(self, &moved).await?;
        self.store(&moved, &shares).await?;
        archived.note(self.store, &self.transaction, &mails).await?;
        for Moved { body, was_elsewhere } in &moved {
            report.compressed += 1;
            report.recompressed += u64::from(*was_elsewhere);
            report.body_bytes += body.original.text.len() as u64;
            report.column_bytes += body.original.column_bytes;
            let is_shared = shares.ids.contains_key(&body.original.mail);
            report.shared += u64::from(is_shared);
            report.stored_bytes += if is_shared { 0 } else { body.compressed.len() as u64 };
        }
        report.stored_bytes += shares.new_bytes;
        Ok(report)
    }

    /// Locks the mails that nobody else holds; of these, those whose bodies are what was compressed, by mail.
    async fn lock<'a>(&self, prepared: &'a [Prepared]) -> Result<Vec<Moved<'a>>, IngestError> {
        let by_mail: BTreeMap<Uuid, &Prepared> =
            prepared.iter().map(|body| (body.original.mail, body)).collect();
        let mails: Vec<Uuid> = by_mail.keys().copied().collect();
        let lock = self.prepare(Statement::LockBodies).await?;
        let mut moved = Vec::new();
        let mut changed: Vec<Uuid> = Vec::new();
        for row in self.transaction.query(&lock, &[&mails]).await? {
            let mail: Uuid = row.try_get("uuid")?;
            let Some(body) = by_mail.get(&mail) else { continue };
            // Nobody changes a version of a row; a change makes another. Others only ever see the last that a transaction has
            // made of a row, so no two that anybody saw have one xmin, until transactions' numbers come round after thousands
            // of millions. Freezing leaves xmin as it is, and locks are noted elsewhere.
            // https://www.postgresql.org/docs/current/ddl-system-columns.html
            // https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND
            if row.try_get::<_, i64>("row_version")? == body.original.row_version {
                moved.push(Moved { body, was_elsewhere: body.original.was_elsewhere });
            } else {
                changed.push(mail);
            }
        }
        if !changed.is_empty() {
            // Most of what changes in a mail is not its body.
            let read = self.prepare(Statement::ReadColumns).await?;
            let rows = self.transaction.query(&read, &[&changed, &COLUMN_BYTES_MAX]).await?;
            for (mail, Column { text, was_elsewhere, .. }) in columns_of(&rows)? {
                let Some(body) = by_mail.get(&mail) else { continue };
                if text.as_ref() == Some(&body.original.text) {
                    moved.push(Moved { body, was_elsewhere });
                }
            }
        }
        moved.sort_unstable_by_key(Moved::mail);
        Ok(moved)
    }

    /// Stores the bodies and takes them out of their mails. The last look before the commit: each is read from where anybody will
    /// read it, and decompressed, and is what it was.
    async fn store(&self, moved: &[Moved<'_>], shares: &Shares) -> Result<(), IngestError> {
        // Sorted by mail.
        let mails: Vec<Uuid> = moved.iter().map(Moved::mail).collect();
        let digests: Vec<i64> = moved.iter().map(|moved| moved.body.digest).collect();
        let bytes: Vec<i32> = moved.iter().map(|moved| length(moved.text().len())).collect();
        let shared: Vec<Option<i32>> = mails.iter().map(|mail| shares.ids.get(mail).copied()).collect();
        let is_own = |moved: &&Moved<'_>| !shares.ids.contains_key(&moved.mail());
        let dictionaries: Vec<Option<i32>> = moved
            .iter()
            .map(|moved| Some(moved).filter(is_own).and_then(|moved| Some(moved.body.rule.dictionary?.id)))
            .collect();
        let data: Vec<Option<&[u8]>> = moved
            .iter()
            .map(|moved| Some(moved).filter(is_own).map(|moved| moved.body.compressed.as_slice()))
            .collect();
        let own: BTreeMap<Uuid, &Moved<'_>> =
            moved.iter().filter(is_own).map(|moved| (moved.mail(), moved)).collect();
        let own_mails: Vec<Uuid> = own.keys().copied().collect();
        self.point_to_shared(shares).await?;

        let store = self.prepare(Statement::StoreBodies).await?;
        let what: [&(dyn ToSql + Sync); 6] = [&mails, &digests, &bytes, &dictionaries, &shared, &data];
        let take_out = self.prepare(Statement::TakeOutBodies).await?;
        let from: [&(dyn ToSql + Sync); 1] = [&mails];
        let read = self.prepare(Statement::ReadStoredBodies).await?;
        let of: [&(dyn ToSql + Sync); 1] = [&own_mails];
        // All are sent at once; the server runs one after the other, and none after one that failed.
        let ((), stored, (), taken_out, rows) = tokio::try_join!(
            biased;
            self.transaction.batch_execute(PLAN_FOREIGN_KEYS_ONCE),
            self.transaction.execute(&store, &what),
            self.transaction.batch_execute(PLAN_EACH_TIME),
            self.transaction.query(&take_out, &from),
            self.transaction.query(&read, &of),
        )?;
        require(stored == mails.len() as u64, "a body was not stored")?;
        let mut is_each = taken_out.len() == mails.len();
        for row in &taken_out {
            is_each &= row.try_get::<_, bool>("is_taken_out")?;
        }
        if !is_each {
            return Err(IngestError::Data("a trigger of the database keeps a body in its mail".to_owned()));
        }
        let mut is_each = rows.len() == own.len();
        for row in &rows {
            let moved = own.get(&row.try_get("email_log_uuid")?);
            is_each &= moved.map_or(Ok(false), |moved| moved.is_said_by(row))?;
        }
        require(is_each && self.are_shared(moved, shares).await?, "a stored body is not what it was")
    }

    /// Whether those that are stored with others are what they were. Somebody else may have compressed them, with another
    /// dictionary: they are read as anybody will.
    async fn are_shared(&self, moved: &[Moved<'_>], shares: &Shares) -> Result<bool, IngestError> {
        let shared: Vec<&Moved<'_>> =
            moved.iter().filter(|moved| shares.ids.contains_key(&moved.mail())).collect();
        if shared.is_empty() {
            return Ok(true);
        }
        let mails: Vec<Uuid> = shared.iter().map(|moved| moved.mail()).collect();
        let read = self.prepare(Statement::ReadBodies).await?;
        let bodies = bodies_of(&self.transaction.query(&read, &[&mails, &COLUMN_BYTES_MAX]).await?)?;
        let is_same = |moved: &&Moved<'_>| matches!(bodies.get(&moved.mail()), Some(Body::Text(text)) if text == moved.text());
        Ok(shared.iter().all(is_same))
    }

    /// Has the bodies of mails stored before refer to those that turned out to be shared.
    async fn point_to_shared(&self, shares: &Shares) -> Result<(), IngestError> {
        if shares.promoted.is_empty() {
            return Ok(());
        }
        // By mail: two jobs that promote the same meet in one order.
        let mails: Vec<Uuid> = shares.promoted.keys().copied().collect();
        let promoted = || shares.promoted.values();
        let ids: Vec<i32> = promoted().map(|promoted| promoted.shared_id).collect();
        let versions: Vec<i64> = promoted().map(|promoted| promoted.row_version).collect();
        let point = self.prepare(Statement::PointToShared).await?;
        self.transaction.execute(&point, &[&mails, &ids, &versions]).await?;
        Ok(())
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
