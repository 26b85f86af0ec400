//! Moves bodies of older mails out of the mails' table, compressed.
//!
//! A round looks at some mails with bodies, oldest first, reads the bodies of those that are worth it and compresses them with
//! nothing locked. Then each of a few short transactions locks some of the mails, sees by the versions of their rows that their
//! bodies are still those that were read, stores the compressed ones and takes out the others; and before it commits, reads back
//! what it stored, decompresses it and compares it with the originals. A body that is another by then is left for the next time.
//! So a crash at any moment leaves a body in one place or in the other.

mod columns;
mod duplicates;
mod rules;
mod write;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use uuid::Uuid;

use self::{
    columns::{Column, columns_of},
    rules::{Key, Rule, Rules},
};
use super::{
    BODY_BYTES_MAX, COLUMN_BYTES_MAX,
    codec::{Press, digest},
    dictionary::ROW_BYTES,
};
use crate::{IngestError, QueryError, Store, sql::Statement};

/// How old mails are whose bodies are compressed unless somebody says otherwise.
pub const COMPRESS_AFTER_DEFAULT: Duration = Duration::from_hours(30 * 24);

/// Mails that a round looks at: none of their bodies is read for that.
const ROUND_MAILS_MAX: i64 = 2_000;

/// Bodies that a round compresses at most.
const ROUND_BODIES_MAX: usize = 1_000;

/// Bytes of bodies that a round has in memory at most, a few times over; a longer body comes alone.
const ROUND_BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Bodies that are compressed while those before them are moved.
const PREPARED_BODIES_MAX: usize = 200;

/// Bodies that are moved in one transaction, which has their mails locked meanwhile.
const MOVE_BODIES_MAX: usize = 100;

/// Bytes of bodies that are moved in one transaction; a longer body is moved alone.
const MOVE_BODY_BYTES_MAX: usize = 1024 * 1024;

/// Shorter bodies stay: a row of their own would take more than compressing saves.
const BODY_BYTES_MIN: u64 = 200;

/// Rows that are looked at, in one statement, for nobody needing them any more.
const TIDIED_ROWS_MAX: i64 = 2_000;

/// A dictionary younger than this may be about to be used.
const UNUSED_DICTIONARY_AGE: Duration = Duration::from_hours(1);

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompressReport {
    /// Mails that it looked at.
    pub looked_at: u64,
    /// Bodies that are compressed now; those of an application's own archiver among them.
    pub compressed: u64,
    /// Of these, those that an application's own archiver had compressed in its way.
    pub recompressed: u64,
    /// Of these, those of which another mail has the same.
    pub shared: u64,
    /// Their length.
    pub body_bytes: u64,
    /// What they took in the mails' table.
    pub column_bytes: u64,
    /// What their data takes now.
    pub stored_bytes: u64,
    /// Dictionaries that were made.
    pub dictionaries: u64,
    /// Bodies that stay as they are, since they are short or would become no smaller, those that can't be read, and those that an
    /// application's trigger keeps in their mails.
    pub kept: u64,
    /// Bodies longer than [`BODY_BYTES_MAX`], which stay.
    pub too_long: u64,
    /// Bodies that stay for another time: somebody held or changed their mails.
    pub put_off: u64,
    /// Whether every mail that is due has been looked at since the compressor last began with the first of them.
    pub is_through: bool,
}

impl std::ops::AddAssign for CompressReport {
    fn add_assign(&mut self, other: Self) {
        self.looked_at += other.looked_at;
        self.compressed += other.compressed;
        self.recompressed += other.recompressed;
        self.shared += other.shared;
        self.body_bytes += other.body_bytes;
        self.column_bytes += other.column_bytes;
        self.stored_bytes += other.stored_bytes;
        self.dictionaries += other.dictionaries;
        self.kept += other.kept;
        self.too_long += other.too_long;
        self.put_off += other.put_off;
        self.is_through = other.is_through;
    }
}

/// What is stored of compressed bodies, in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBodies {
    /// Mails whose bodies are compressed.
    pub bodies: u64,
    /// Bodies that several mails have, or had.
    pub shared: u64,
    /// Dictionaries.
    pub dictionaries: u64,
    /// The length of the bodies.
    pub body_bytes: u64,
    /// What all of it takes, indexes and room for more included.
    pub stored_bytes: u64,
}

/// Compresses the bodies of older mails, some of them each round, and begins again at the end.
#[derive(Debug)]
pub struct Compressor {
    store: Store,
    older_than_s: f64,
    /// The last mail that was looked at.
    after: Option<(Timestamp, Uuid)>,
    rules: Rules,
    /// Time to rest for a time at work.
    rest_share: f64,
    is_dry: bool,
    began_at: Instant,
}

impl Compressor {
    /// A compressor of the bodies of mails that were sent so long ago.
    pub fn new(store: &Store, older_than: Duration) -> Self {
        Self {
            store: store.clone(),
            older_than_s: older_than.as_secs_f64(),
            after: None,
            rules: Rules::default(),
            rest_share: 0.0,
            is_dry: false,
            began_at: Instant::now(),
        }
    }

    /// Rests for as long as it works: for who has no hurry, beside others who have.
    #[must_use]
    pub fn gently(self) -> Self {
        Self { rest_share: 1.0, ..self }
    }

    /// Changes nothing: its reports count what would be compressed, and what it takes now.
    #[must_use]
    pub fn dry(self) -> Self {
        Self { is_dry: true, ..self }
    }

    /// How many bodies are due at most. Some may turn out to be short, or to stay for another reason.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn due(&self) -> Result<u64, IngestError> {
        self.store
            .in_time(async {
                let client = self.store.writer().await?;
                let count = client.prepare_cached(self.store.sql(Statement::CountDueBodies)).await?;
                let row = client.query_one(&count, &[&self.older_than_s]).await?;
                Ok(row.try_get::<_, i64>("bodies")?.unsigned_abs())
            })
            .await
    }

    /// One round: bounded in mails and bytes, in transactions that each hold some mails for some milliseconds. Any number of
    /// processes may do this at once, beside any number that store events.
    ///
    /// Cancel-safe: what was committed is done, and all else is as it was. Each transaction has the time of a batch.
    ///
    /// # Errors
    ///
    /// When the database does not answer, may not be written to or is not as it should be. What merely stands in the way of
    /// some bodies is put off.
    pub async fn round(&mut self) -> Result<CompressReport, IngestError> {
        self.began_at = Instant::now();
        let report = Box::pin(self.look_and_compress()).await;
        self.store.renew_writers_after(&report);
        if report.is_err() {
            // A dictionary may be gone, or was never committed.
            self.rules = Rules::default();
        }
        report
    }

    /// How long to wait before the next round, after this one: nothing unless it is [gentle](Self::gently).
    pub fn rest(&self) -> Duration {
        self.began_at.elapsed().mul_f64(self.rest_share)
    }

    async fn look_and_compress(&mut self) -> Result<CompressReport, IngestError> {
        let page = self.store.in_time(self.look()).await?;
        let mut report = CompressReport { is_through: page.is_last, ..CompressReport::default() };
        let mut chosen: Vec<Due> = Vec::new();
        let mut chosen_bytes = 0;
        let mut unfit: Vec<(Uuid, i64)> = Vec::new();
        for due in page.mails {
            let is_full = chosen.len() >= ROUND_BODIES_MAX
                || (!chosen.is_empty() && chosen_bytes + due.body_bytes > ROUND_BODY_BYTES_MAX);
            if is_full && !self.is_dry {
                report.is_through = false;
                break;
            }
            self.after = Some((due.sent_at, due.uuid));
            report.looked_at += 1;
            let bytes_max =
                if due.is_elsewhere { COLUMN_BYTES_MAX.unsigned_abs().into() } else { BODY_BYTES_MAX };
            if due.body_bytes > bytes_max {
                report.too_long += 1;
            } else if due.is_marked || due.body_bytes < BODY_BYTES_MIN {
                report.kept += 1;
            } else {
                chosen_bytes += due.body_bytes;
                chosen.push(due);
            }
        }
        if report.is_through {
            self.after = None;
        }
        if self.is_dry {
            report.compressed = chosen.len() as u64;
            report.body_bytes = chosen_bytes;
            report.column_bytes = chosen.iter().map(|due| due.column_bytes).sum();
            return Ok(report);
        }
        // Those of one rule together: the tables of a dictionary are in the processor's cache for the second of them, and
        // each transaction has to do with few dictionaries.
        chosen.sort_by_cached_key(|due| (Key::of(due), due.uuid));
        self.prepare_and_move(chosen, &mut report, &mut unfit).await?;
        write::keep(&self.store, &unfit).await?;
        if report.is_through {
            self.tidy().await?;
            // Another pass is for what has become due or was put off; its templates may look different by then.
            self.rules = Rules::default();
        }
        Ok(report)
    }

    /// Compresses some of the bodies while those before them are moved: the one is work for this program, the other for the
    /// server.
    async fn prepare_and_move(
        &mut self,
        chosen: Vec<Due>,
        report: &mut CompressReport,
        unfit: &mut Vec<(Uuid, i64)>,
    ) -> Result<(), IngestError> {
        let (store, is_gentle, is_through) = (self.store.clone(), self.rest_share > 0.0, report.is_through);
        let mut chosen = chosen.into_iter().peekable();
        let mut prepared: Vec<Prepared> = Vec::new();
        while chosen.peek().is_some() || !prepared.is_empty() {
            let some: Vec<Due> = chosen.by_ref().take(PREPARED_BODIES_MAX).collect();
            let (moved, next) =
                tokio::join!(write::move_all(&store, prepared, is_gentle), self.prepare(some, report, unfit));
            *report += CompressReport { is_through, ..moved? };
            prepared = next?;
        }
        Ok(())
    }

    /// The next mails with bodies.
    async fn look(&self) -> Result<Page, IngestError> {
        let client = self.store.writer().await?;
        let scan = client.prepare_cached(self.store.sql(Statement::ScanBodies)).await?;
        let (sent_at, uuid) = self.after.unzip();
        let rows = client.query(&scan, &[&sent_at, &uuid, &self.older_than_s, &ROUND_MAILS_MAX]).await?;
        let is_last = i64::try_from(rows.len()).is_ok_and(|rows| rows < ROUND_MAILS_MAX);
        let mails = rows
            .iter()
            .map(|row| {
                Ok(Due {
                    uuid: row.try_get("uuid")?,
                    sent_at: row.try_get("sent_at")?,
                    template: row.try_get("template_name")?,
                    is_elsewhere: row.try_get("body_compressed")?,
                    body_bytes: row.try_get::<_, i64>("body_bytes")?.unsigned_abs(),
                    column_bytes: row.try_get::<_, i64>("column_bytes")?.unsigned_abs(),
                    is_marked: row.try_get("is_marked")?,
                })
            })
            .collect::<Result<_, tokio_postgres::Error>>()?;
        Ok(Page { mails, is_last })
    }

    /// Reads the bodies and compresses them, each by the rule of its template and month.
    async fn prepare(
        &mut self,
        chosen: Vec<Due>,
        report: &mut CompressReport,
        unfit: &mut Vec<(Uuid, i64)>,
    ) -> Result<Vec<Prepared>, IngestError> {
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let mut columns = self.store.in_time(self.read_columns(&chosen)).await?;
        let mut groups: BTreeMap<Key, Vec<Original>> = BTreeMap::new();
        for due in chosen {
            // Gone, or somebody else was quicker.
            let Some(Column { text, was_elsewhere, row_version }) = columns.remove(&due.uuid) else {
                continue;
            };
            let Some(text) = text else {
                report.kept += 1;
                unfit.push((due.uuid, row_version));
                continue;
            };
            let (mail, column_bytes) = (due.uuid, due.column_bytes);
            let original = Original { mail, row_version, column_bytes, text, was_elsewhere };
            groups.entry(Key::of(&due)).or_default().push(original);
        }
        let (keys, originals): (Vec<Key>, Vec<Vec<Original>>) = groups.into_iter().unzip();
        let is_gentle = self.rest_share > 0.0;
        let rules = self.rules.of(&self.store, &keys, is_gentle, report).await?;
        // Compressing takes a processor for a second where a body is long.
        let compressed = tokio::task::spawn_blocking(move || {
            let mut prepared = Vec::new();
            let mut press = Press::new()?;
            for (rule, some) in rules.iter().zip(originals) {
                for original in some {
                    let body = original.text.as_bytes();
                    let (compressed, digest) = (press.compress(&rule.encoder, body)?, digest(body));
                    prepared.push(Prepared { original, compressed, digest, rule: Arc::clone(rule) });
                }
            }
            Ok::<_, std::io::Error>(prepared)
        });
        let mut prepared = compressed.await.map_err(|_| no_memory())?.map_err(|_| no_memory())?;
        prepared.retain(|body| {
            let is_smaller = body.compressed.len() as u64 + (ROW_BYTES as u64) < body.original.column_bytes;
            if !is_smaller {
                report.kept += 1;
                unfit.push((body.original.mail, body.original.row_version));
            }
            is_smaller
        });
        Ok(prepared)
    }

    /// The columns of some mails with bodies.
    async fn read_columns(&self, chosen: &[Due]) -> Result<HashMap<Uuid, Column>, IngestError> {
        let uuids: Vec<Uuid> = chosen.iter().map(|due| due.uuid).collect();
        let client = self.store.writer().await?;
        let read = client.prepare_cached(self.store.sql(Statement::ReadColumns)).await?;
        Ok(columns_of(&client.query(&read, &[&uuids, &COLUMN_BYTES_MAX]).await?)?)
    }

    /// Removes what no mail needs any more: shared bodies, then dictionaries.
    async fn tidy(&self) -> Result<(), IngestError> {
        tidy(&self.store, UNUSED_DICTIONARY_AGE).await
    }
}

/// Removes shared bodies that no mail has any more, and dictionaries of that age that no body needs.
pub(crate) async fn tidy(store: &Store, dictionary_age: Duration) -> Result<(), IngestError> {
    let age_s = dictionary_age.as_secs_f64();
    for statement in [Statement::DropSharedBodies, Statement::DropDictionaries] {
        let mut after = Some(0_i32);
        while let Some(last) = after {
            let looked = store
                .in_time(async {
                    let client = store.writer().await?;
                    let drop = client.prepare_cached(store.sql(statement)).await?;
                    let row = match statement {
                        Statement::DropDictionaries => {
                            client.query_one(&drop, &[&last, &TIDIED_ROWS_MAX, &age_s]).await?
                        }
                        _ => client.query_one(&drop, &[&last, &TIDIED_ROWS_MAX]).await?,
                    };
                    Ok(row.try_get("last")?)
                })
                .await;
            after = match looked {
                // Somebody has just begun to use one of them: the next pass looks again.
                Err(IngestError::Repeat(_)) => None,
                looked => looked?,
            };
        }
    }
    Ok(())
}

fn no_memory() -> IngestError {
    IngestError::Blocked("there is not enough memory to compress a body".to_owned())
}

/// Some mails in order, and whether they are the last.
struct Page {
    mails: Vec<Due>,
    is_last: bool,
}

/// A mail with a body, as the scan has it.
struct Due {
    uuid: Uuid,
    sent_at: Timestamp,
    template: Option<String>,
    /// Whether it is marked as compressed.
    is_elsewhere: bool,
    body_bytes: u64,
    column_bytes: u64,
    is_marked: bool,
}

/// A body as it was read.
struct Original {
    mail: Uuid,
    row_version: i64,
    /// What it takes in the mails' table.
    column_bytes: u64,
    text: String,
    was_elsewhere: bool,
}

/// A body that is compressed, and not stored yet.
struct Prepared {
    original: Original,
    digest: i64,
    compressed: Vec<u8>,
    rule: Arc<Rule>,
}

impl Store {
    /// Whether bodies are to be compressed here: where nobody says, in tables of this program's own. An application that made
    /// the tables could not read them.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn compresses(&self, told: Option<bool>) -> Result<bool, IngestError> {
        match told {
            Some(told) => Ok(told),
            None => self.in_time(self.is_made_by_us()).await,
        }
    }

    /// How many bodies are stored compressed, as the table's statistics have it: at once, and not to the last one.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn estimate_stored_bodies(&self) -> Result<u64, QueryError> {
        let client = self.reader().await?;
        let estimate = client.prepare_cached(self.sql(Statement::EstimateStoredBodies)).await?;
        Ok(client.query_one(&estimate, &[]).await?.try_get::<_, i64>("bodies")?.unsigned_abs())
    }

    /// What is stored of compressed bodies. Looks at each, and takes seconds for millions.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn stored_bodies(&self) -> Result<StoredBodies, QueryError> {
        let client = self.reader().await?;
        let count = client.prepare_cached(self.sql(Statement::CountStoredBodies)).await?;
        let row = client.query_one(&count, &[]).await?;
        let number = |name: &str| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
        Ok(StoredBodies {
            bodies: number("bodies")?,
            shared: number("shared")?,
            dictionaries: number("dictionaries")?,
            body_bytes: number("body_bytes")?,
            stored_bytes: number("stored_bytes")?,
        })
    }
}
