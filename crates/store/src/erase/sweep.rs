//! Everything else, for texts that name a person: some rows at a time.

use std::collections::{BTreeMap, BTreeSet};

use aftersend_event::Message;
use futures_util::TryStreamExt;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{EraseReport, ErasedMail, Erasure, Person, forget_archived, like, retry};
use crate::{
    IngestError,
    body::{Body, COLUMN_BYTES_MAX, Decoders},
    ingest::transaction::Writer,
    sql::Statement,
};

/// Mails that one question looks at.
const PAGE_MAILS: i64 = 500;

/// Rows of other tables that one question looks at; messages of the quarantine have up to 1 MiB.
const PAGE_ROWS: i64 = 200;
const PAGE_MESSAGES: i64 = 16;

/// Archived mails that one question looks at, of which it reads their own ids.
const PAGE_ARCHIVED: i64 = 2_000;

/// Patterns of which every text that names the person has one, all in lower case.
pub(super) fn patterns(person: &Person) -> Vec<String> {
    person.hints.iter().map(|hint| like(hint)).collect()
}

impl Erasure<'_> {
    pub(super) async fn sweep(
        &mut self,
        on_progress: &mut (dyn FnMut(&EraseReport) + Send),
    ) -> Result<(), IngestError> {
        let patterns = patterns(&self.person);
        let mut after = Uuid::nil();
        // Parked events first: a joiner may bring them to a mail that is looked at later, not to one that was.
        self.sweep_parked(&patterns).await?;
        loop {
            let page = self.find_named(after, &patterns).await?;
            for mail in page.named {
                self.erase_mail(mail).await?;
            }
            if let Some(last) = page.last {
                for mail in self.find_in_bodies(after, last).await? {
                    self.erase_mail(mail).await?;
                }
            }
            self.report.mails_swept += page.rows.unsigned_abs();
            on_progress(&self.report);
            match page.last {
                Some(last) if page.rows >= PAGE_MAILS => after = last,
                _ => break,
            }
        }
        self.sweep_removed(&patterns).await?;
        self.sweep_quarantine().await?;
        self.sweep_late(&patterns).await?;
        self.sweep_archived(&patterns).await?;
        on_progress(&self.report);
        Ok(())
    }

    async fn find_named(&self, after: Uuid, patterns: &[String]) -> Result<Page, IngestError> {
        let store = self.store;
        retry(async || {
            let client = store.writer().await?;
            let sweep = client.prepare_cached(store.sql(Statement::SweepMails)).await?;
            let mut page = Page::default();
            for row in client.query(&sweep, &[&after, &PAGE_MAILS, &patterns]).await? {
                page.rows = row.try_get("mails")?;
                page.last = row.try_get("last")?;
                page.named.extend(row.try_get::<_, Option<Uuid>>("uuid")?);
            }
            Ok(page)
        })
        .await
    }

    /// Mails of a page whose compressed bodies name the person. One body at a time, since each may be long; what can't be read
    /// is passed over, and shown to nobody either.
    async fn find_in_bodies(&self, after: Uuid, last: Uuid) -> Result<Vec<Uuid>, IngestError> {
        let store = self.store;
        retry(async || {
            let client = store.writer().await?;
            let sweep = client.prepare_cached(store.sql(Statement::SweepBodies)).await?;
            let parameters: [&(dyn ToSql + Sync); 3] = [&after, &last, &COLUMN_BYTES_MAX];
            let rows = client.query_raw(&sweep, parameters).await?;
            let mut rows = std::pin::pin!(rows);
            let mut decoders = Decoders::default();
            let mut named = Vec::new();
            while let Some(row) = rows.try_next().await? {
                let Body::Text(text) = Body::of(&row, &mut decoders)? else { continue };
                if self.person.may_be_in(&text) && self.person.is_named_in(&text) {
                    named.push(row.try_get("uuid")?);
                }
            }
            Ok(named)
        })
        .await
    }

    /// Late events of archived mails: of those that went to the person alone nothing stays, not even that more may come.
    async fn sweep_late(&mut self, patterns: &[String]) -> Result<(), IngestError> {
        let mut after = (Uuid::nil(), Uuid::nil());
        loop {
            let (rows, done, last) = retry(async || self.sweep_page_of_late(after, patterns).await).await?;
            self.report.late += done;
            match last {
                Some(last) if i64::try_from(rows).is_ok_and(|rows| rows >= PAGE_ROWS) => after = last,
                _ => return Ok(()),
            }
        }
    }

    async fn sweep_page_of_late(
        &self,
        after: (Uuid, Uuid),
        patterns: &[String],
    ) -> Result<(usize, u64, Option<(Uuid, Uuid)>), IngestError> {
        let mut client = self.store.writer().await?;
        let writer = Writer { store: self.store, transaction: client.build_transaction().start().await? };
        let read = writer.prepare(Statement::ReadLateOfPerson).await?;
        let rows = writer.transaction.query(&read, &[&after.0, &after.1, &PAGE_ROWS, &patterns]).await?;
        let mut alone: BTreeMap<Uuid, ErasedMail> = BTreeMap::new();
        let (mut mails, mut records, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        let (mut last, mut done) = (None, 0);
        for row in &rows {
            let (uuid, record): (Uuid, Uuid) = (row.try_get("email_log_uuid")?, row.try_get("record")?);
            last = Some((uuid, record));
            let json: String = row.try_get("json")?;
            let Some(without) = self.person.json_without(&json) else { continue };
            done += 1;
            if is_to_alone(&json, &self.person) {
                let mail = ErasedMail { uuid, aws_message_ids: BTreeSet::new() };
                alone.entry(uuid).or_insert(mail).aws_message_ids.insert(row.try_get("aws_message_id")?);
            } else {
                mails.push(uuid);
                records.push(record);
                texts.push(without);
            }
        }
        if !self.is_dry && done > 0 {
            let write = writer.prepare(Statement::WriteLateOfPerson).await?;
            writer.transaction.execute(&write, &[&mails, &records, &texts]).await?;
            let alone: Vec<ErasedMail> = alone.into_values().collect();
            forget_archived(self.store, &writer.transaction, &alone).await?;
            writer.transaction.commit().await?;
        }
        Ok((rows.len(), done, last))
    }

    /// Own ids of archived mails that are made of the address.
    async fn sweep_archived(&mut self, patterns: &[String]) -> Result<(), IngestError> {
        let store = self.store;
        let mut after = Uuid::nil();
        loop {
            let (rows, last) = retry(async || {
                let client = store.writer().await?;
                let read = client.prepare_cached(store.sql(Statement::ReadArchivedOfPerson)).await?;
                let (mut rows, mut last, mut named) = (0_i64, None, Vec::new());
                for row in client.query(&read, &[&after, &PAGE_ARCHIVED, &patterns]).await? {
                    rows = row.try_get("rows")?;
                    last = row.try_get("last")?;
                    let (uuid, text): (Option<Uuid>, Option<String>) =
                        (row.try_get("uuid")?, row.try_get("text")?);
                    named.extend(uuid.filter(|_| text.is_some_and(|text| self.person.is_part_of(&text))));
                }
                if !self.is_dry && !named.is_empty() {
                    let write = client.prepare_cached(store.sql(Statement::WriteArchivedOfPerson)).await?;
                    client.execute(&write, &[&named]).await?;
                }
                Ok::<_, IngestError>((rows, last))
            })
            .await?;
            match last {
                Some(last) if rows >= PAGE_ARCHIVED => after = last,
                _ => return Ok(()),
            }
        }
    }

    async fn sweep_parked(&mut self, patterns: &[String]) -> Result<(), IngestError> {
        let store = self.store;
        let mut after = Uuid::nil();
        loop {
            let (rows, done, last) = retry(async || {
                let mut client = store.writer().await?;
                let writer = Writer { store, transaction: client.build_transaction().start().await? };
                let read = writer.prepare(Statement::ReadParkedOfPerson).await?;
                let found = writer.transaction.query(&read, &[&after, &PAGE_ROWS, &patterns]).await?;
                let (mut alone, mut keys, mut texts) = (Vec::new(), Vec::new(), Vec::new());
                let mut last = None;
                for row in &found {
                    let (uuid, id, json): (Uuid, String, String) =
                        (row.try_get("uuid")?, row.try_get("aws_message_id")?, row.try_get("json")?);
                    last = Some(uuid);
                    let Some(without) = self.person.json_without(&json) else { continue };
                    if is_to_alone(&json, &self.person) {
                        alone.push(id);
                    } else {
                        keys.push(uuid);
                        texts.push(without);
                    }
                }
                let done = alone.len() + keys.len();
                if !self.is_dry && done > 0 {
                    alone.sort_unstable();
                    alone.dedup();
                    let forget = writer.prepare(Statement::ForgetParkedOfPerson).await?;
                    writer.transaction.execute(&forget, &[&alone]).await?;
                    let write = writer.prepare(Statement::WriteParkedOfPerson).await?;
                    writer.transaction.execute(&write, &[&keys, &texts]).await?;
                    writer.transaction.commit().await?;
                }
                Ok((found.len(), done, last))
            })
            .await?;
            self.report.parked += done as u64;
            match last {
                Some(last) if i64::try_from(rows).is_ok_and(|rows| rows >= PAGE_ROWS) => after = last,
                _ => return Ok(()),
            }
        }
    }

    async fn sweep_removed(&mut self, patterns: &[String]) -> Result<(), IngestError> {
        let store = self.store;
        let mut after = Uuid::nil();
        loop {
            let (rows, done, last) = retry(async || {
                let mut client = store.writer().await?;
                let writer = Writer { store, transaction: client.build_transaction().start().await? };
                let read = writer.prepare(Statement::ReadRemovedOfPerson).await?;
                let (mut keys, mut texts) = (Vec::new(), Vec::new());
                let (mut rows, mut last) = (0_i64, None);
                for row in writer.transaction.query(&read, &[&after, &PAGE_ROWS, &patterns]).await? {
                    rows = row.try_get("rows")?;
                    last = row.try_get("last")?;
                    let (uuid, json): (Option<Uuid>, Option<String>) =
                        (row.try_get("uuid")?, row.try_get("json")?);
                    let without = json.and_then(|json| self.person.json_without(&json));
                    if let (Some(uuid), Some(without)) = (uuid, without) {
                        keys.push(uuid);
                        texts.push(without);
                    }
                }
                if !self.is_dry && !keys.is_empty() {
                    let write = writer.prepare(Statement::WriteRemovedOfPerson).await?;
                    writer.transaction.execute(&write, &[&keys, &texts]).await?;
                    writer.transaction.commit().await?;
                }
                Ok::<_, IngestError>((rows, keys.len(), last))
            })
            .await?;
            self.report.removed += done as u64;
            match last {
                Some(last) if rows >= PAGE_ROWS => after = last,
                _ => return Ok(()),
            }
        }
    }

    async fn sweep_quarantine(&mut self) -> Result<(), IngestError> {
        let store = self.store;
        let mut after = Uuid::nil();
        loop {
            let (rows, done, last) = retry(async || {
                let client = store.writer().await?;
                let read = client.prepare_cached(store.sql(Statement::ReadQuarantineOfPerson)).await?;
                let found = client.query(&read, &[&after, &PAGE_MESSAGES]).await?;
                let (mut named, mut last) = (Vec::new(), None);
                for row in &found {
                    let uuid: Uuid = row.try_get("uuid")?;
                    last = Some(uuid);
                    let (body, reason, origin): (&[u8], &str, &str) =
                        (row.try_get("body")?, row.try_get("reason")?, row.try_get("origin")?);
                    let is_named = [reason, origin].iter().any(|text| self.person.is_named_in(text));
                    if is_named || self.person.is_in_bytes(body) {
                        named.push(uuid);
                    }
                }
                if !self.is_dry && !named.is_empty() {
                    let drop = client.prepare_cached(store.sql(Statement::DropQuarantinedOfPerson)).await?;
                    client.execute(&drop, &[&named]).await?;
                }
                Ok((found.len(), named.len(), last))
            })
            .await?;
            self.report.quarantined += done as u64;
            match last {
                Some(last) if i64::try_from(rows).is_ok_and(|rows| rows >= PAGE_MESSAGES) => after = last,
                _ => return Ok(()),
            }
        }
    }
}

/// A page of mails.
#[derive(Default)]
struct Page {
    rows: i64,
    last: Option<Uuid>,
    named: Vec<Uuid>,
}

/// Whether an event's mail went to the person and nobody else.
fn is_to_alone(json: &str, person: &Person) -> bool {
    let Ok(Message::Event(document)) = aftersend_event::read(json.as_bytes()) else { return false };
    let Ok(event) = document.event() else { return false };
    let destination = event.destination();
    !destination.is_empty() && destination.iter().all(|address| *address == person.address)
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    #[test]
    fn every_text_that_names_the_person_has_one_of_the_patterns() {
        let person = Person::new("ann.long+x@example.com".to_owned(), "erased-0@example.com".to_owned());
        let patterns = patterns(&person);
        assert_eq!(patterns[0], "%ann.long%");
        for before in ["", "a", "ab", "abc", "to: "] {
            for after in ["", "\n", ">; x"] {
                let text = STANDARD.encode(format!("{before}ann.long+x@example.com{after}")).to_lowercase();
                let has = |pattern: &String| text.contains(pattern.trim_matches('%'));
                assert!(patterns[1..].iter().any(has), "{text}: {patterns:?}");
            }
        }
    }
}
