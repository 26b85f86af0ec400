//! Puts compressed bodies back into their mails: for an application that is to read them itself, and before step a7 goes down.

use std::{collections::HashMap, time::Duration};

use uuid::Uuid;

use super::{Body, COLUMN_BYTES_MAX, bodies_of, compressor::tidy};
use crate::{IngestError, Store, archive::SameAsArchived, sql::Statement};

/// Bodies that a round puts back at most, in one transaction.
const ROUND_BODIES_MAX: i64 = 100;

/// Bytes of bodies that a round puts back at most; a longer body comes alone.
const ROUND_BODY_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecompressReport {
    /// Bodies that stand in their mails again.
    pub put_back: u64,
    /// Their length.
    pub body_bytes: u64,
    /// Stored bodies of mails for which the application has written another one, or has said that they have none: gone.
    pub outdated: u64,
    /// Bodies that are not what was stored; they stay.
    pub damaged: u64,
    /// The first of them.
    pub first_damaged: Option<Uuid>,
    /// Bodies that stay for another time: somebody held their mails.
    pub put_off: u64,
    /// Whether each stored body has been looked at since it last began with the first of them.
    pub is_through: bool,
}

impl std::ops::AddAssign for DecompressReport {
    fn add_assign(&mut self, other: Self) {
        self.put_back += other.put_back;
        self.body_bytes += other.body_bytes;
        self.outdated += other.outdated;
        self.damaged += other.damaged;
        self.first_damaged = self.first_damaged.or(other.first_damaged);
        self.put_off += other.put_off;
        self.is_through = other.is_through;
    }
}

/// Puts bodies back, some of them each round, and begins again at the end.
#[derive(Debug)]
pub struct Decompressor {
    store: Store,
    /// The last mail that was looked at.
    after: Uuid,
}

impl Decompressor {
    /// A decompressor for a store.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), after: Uuid::nil() }
    }

    /// One round: one transaction, bounded in mails and bytes.
    ///
    /// Cancel-safe: what was committed is done, and all else is as it was.
    ///
    /// # Errors
    ///
    /// When the database does not answer, may not be written to or is not as it should be.
    pub async fn round(&mut self) -> Result<DecompressReport, IngestError> {
        let page = self.store.in_time(self.look()).await;
        let report = match page {
            Ok(page) => Box::pin(self.put_back(page)).await,
            Err(error) => Err(error),
        };
        self.store.renew_writers_after(&report);
        report
    }

    async fn look(&self) -> Result<Page, IngestError> {
        let client = self.store.writer().await?;
        let list = client.prepare_cached(self.store.sql(Statement::ListStoredBodies)).await?;
        let rows = client.query(&list, &[&self.after, &ROUND_BODIES_MAX]).await?;
        let mut page = Page {
            mails: Vec::new(),
            is_last: i64::try_from(rows.len()).is_ok_and(|n| n < ROUND_BODIES_MAX),
        };
        let mut bytes = 0;
        for row in &rows {
            bytes += u64::from(row.try_get::<_, i32>("bytes")?.unsigned_abs());
            if !page.mails.is_empty() && bytes > ROUND_BODY_BYTES_MAX {
                page.is_last = false;
                break;
            }
            page.mails.push(row.try_get("email_log_uuid")?);
        }
        Ok(page)
    }

    async fn put_back(&mut self, page: Page) -> Result<DecompressReport, IngestError> {
        let mut report = match self.store.in_time(put_back(&self.store, &page.mails)).await {
            Err(IngestError::Repeat(reason)) => {
                tracing::debug!(reason, bodies = page.mails.len(), "bodies are put off");
                DecompressReport { put_off: page.mails.len() as u64, ..DecompressReport::default() }
            }
            report => report?,
        };
        report.is_through = page.is_last;
        self.after =
            if page.is_last { Uuid::nil() } else { page.mails.last().copied().unwrap_or(Uuid::nil()) };
        if report.is_through {
            tidy(&self.store, Duration::ZERO).await?;
        }
        Ok(report)
    }
}

/// Some mails with stored bodies, and whether they are the last.
struct Page {
    mails: Vec<Uuid>,
    is_last: bool,
}

async fn put_back(store: &Store, mails: &[Uuid]) -> Result<DecompressReport, IngestError> {
    let mut report = DecompressReport::default();
    if mails.is_empty() {
        return Ok(report);
    }
    let mut client = store.writer().await?;
    let transaction = client.build_transaction().start().await?;
    let lock = transaction.prepare_cached(store.sql(Statement::LockStoredBodies)).await?;
    let locked = transaction.query(&lock, &[&mails]).await?;
    report.put_off = (mails.len() - locked.len()) as u64;
    let mut done: Vec<Uuid> = Vec::new();
    let mut wanted: Vec<Uuid> = Vec::new();
    for row in &locked {
        let list = if row.try_get("is_stored")? { &mut wanted } else { &mut done };
        list.push(row.try_get("uuid")?);
    }
    report.outdated = done.len() as u64;
    let read = transaction.prepare_cached(store.sql(Statement::ReadBodies)).await?;
    let mut bodies: HashMap<Uuid, Body> =
        bodies_of(&transaction.query(&read, &[&wanted, &COLUMN_BYTES_MAX]).await?)?;
    let mut back: Vec<(Uuid, String)> = Vec::new();
    for mail in wanted {
        match bodies.remove(&mail) {
            Some(Body::Text(text)) => back.push((mail, text)),
            Some(Body::None | Body::TooLong | Body::Damaged(_)) | None => {
                report.damaged += 1;
                report.first_damaged = report.first_damaged.or(Some(mail));
            }
        }
    }
    let (uuids, texts): (Vec<Uuid>, Vec<&str>) =
        back.iter().map(|(mail, text)| (*mail, text.as_str())).unzip();
    let archived = SameAsArchived::find(store, &transaction, &uuids).await?;
    let put = transaction.prepare_cached(store.sql(Statement::PutBodiesBack)).await?;
    transaction.execute(&put, &[&uuids, &texts]).await?;
    // As compressing does: what goes is compared with what stays in its place.
    let check = transaction.prepare_cached(store.sql(Statement::ReadPutBack)).await?;
    let there: HashMap<Uuid, String> = transaction
        .query(&check, &[&uuids])
        .await?
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get::<_, Option<String>>(1)?.unwrap_or_default())))
        .collect::<Result<_, tokio_postgres::Error>>()?;
    if !back.iter().all(|(mail, text)| there.get(mail) == Some(text)) {
        let reason = "a body that was put back is not what it was; nothing was changed";
        return Err(IngestError::Blocked(reason.to_owned()));
    }
    archived.note(store, &transaction, &uuids).await?;
    report.put_back = back.len() as u64;
    report.body_bytes = back.iter().map(|(_, text)| text.len() as u64).sum();
    done.extend(uuids);
    let forget = transaction.prepare_cached(store.sql(Statement::ForgetBodies)).await?;
    transaction.execute(&forget, &[&done]).await?;
    transaction.commit().await?;
    Ok(report)
}
