//! Everything else, for texts that name a person: some rows at a time.

use aftersend_event::Message;
use base64::{Engine, engine::general_purpose::STANDARD};
use uuid::Uuid;

use super::{EraseReport, Erasure, Person, like, retry};
use crate::{IngestError, ingest::transaction::Writer, sql::Statement};

/// Mails that one question looks at.
const PAGE_MAILS: i64 = 500;

/// Rows of other tables that one question looks at; messages of the quarantine have up to 1 MiB.
const PAGE_ROWS: i64 = 200;
const PAGE_MESSAGES: i64 = 16;

/// Patterns that every text has which names the person: a part of the address that no spelling changes, and the address in
/// base64 at each of the three places where it may begin.
fn patterns(person: &Person) -> Vec<String> {
    let local = person.address.rsplit_once('@').map_or(&*person.address, |(local, _)| local);
    let part = local.split('+').max_by_key(|part| part.len()).unwrap_or(local);
    let mut patterns = vec![like(part)];
    for before in 0..3 {
        let shifted = [&vec![b' '; before], person.address.as_bytes()].concat();
        let encoded = STANDARD.encode(&shifted);
        // What stands at its ends depends on its neighbours.
        let (from, to) = (if before == 0 { 0 } else { 4 }, encoded.len().saturating_sub(4));
        patterns.extend(encoded.get(from..to).map(like));
    }
    patterns
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
            self.report.mails_swept += page.rows.unsigned_abs();
            on_progress(&self.report);
            match page.last {
                Some(last) if page.rows >= PAGE_MAILS => after = last,
                _ => break,
            }
        }
        self.sweep_removed(&patterns).await?;
        self.sweep_quarantine().await?;
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
    use super::*;

    #[test]
    fn every_text_that_names_the_person_has_one_of_the_patterns() {
        let person = Person::new("ann.long+x@example.com".to_owned(), "erased-0@example.com".to_owned());
        let patterns = patterns(&person);
        assert_eq!(patterns[0], "%ann.long%");
        for before in ["", "a", "ab", "abc", "to: "] {
            for after in ["", "\n", ">; x"] {
                let text = STANDARD.encode(format!("{before}ann.long+x@example.com{after}"));
                let has = |pattern: &String| text.contains(pattern.trim_matches('%'));
                assert!(patterns[1..].iter().any(has), "{text}: {patterns:?}");
            }
        }
    }
}
