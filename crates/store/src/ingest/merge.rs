//! A mail that was made from its events, and that an application logs after all: the two become the application's row.

use std::collections::{BTreeMap, HashSet};

use aftersend_event::{Document, Event, Message, Status};
use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    events::{Fates, Owners},
    facts::Facts,
    mails::{LockedMail, Unmerged},
    occurrence::{Occurrence, StoredRow, Told},
    record::Record,
    transaction::Writer,
};
use crate::{IngestError, Store, retention::Earliest, sql::Statement};

/// Events that move in one transaction at most.
const MOVED_EVENTS_MAX: usize = 500;

/// What a transaction of a merge has left to do.
enum Step {
    /// Nothing was, or is, to be merged: the application has taken its id back, or another process was quicker.
    Nothing,
    /// The mail has more events than these.
    Moved(Earliest),
    /// The emptied row is gone.
    Merged(Earliest),
}

/// Moves everything that the made mail holds to the one that an application logged, and says whether it was merged here.
///
/// Some events per transaction: in between, each of them belongs to one of the two mails, and to the right one in the
/// end. Cancel-safe. Each transaction has the time of a batch.
pub(crate) async fn merge(store: &Store, unmerged: &Unmerged) -> Result<bool, IngestError> {
    loop {
        match store.in_time(Box::pin(step(store, unmerged))).await? {
            Step::Moved(_) => {}
            Step::Nothing => return Ok(false),
            Step::Merged(_) => return Ok(true),
        }
    }
}

/// As [`merge`] does, within a transaction of somebody's.
pub(crate) async fn merge_in(
    store: &Store,
    transaction: Transaction<'_>,
    aws_message_id: &str,
    created: Uuid,
) -> Result<bool, IngestError> {
    let writer = Writer { store, transaction };
    let unmerged = Unmerged { aws_message_id: aws_message_id.to_owned(), created };
    let mut all = Earliest::default();
    loop {
        match writer.step(&unmerged).await? {
            Step::Moved(earliest) => all = all.and(earliest),
            Step::Nothing => return Ok(false),
            Step::Merged(earliest) => {
                writer.commit_events(all.and(earliest)).await?;
                return Ok(true);
            }
        }
    }
}

async fn step(store: &Store, unmerged: &Unmerged) -> Result<Step, IngestError> {
    let mut client = store.writer().await?;
    let writer = Writer { store, transaction: client.build_transaction().start().await? };
    let step = writer.step(unmerged).await?;
    match step {
        Step::Nothing => {}
        Step::Moved(earliest) | Step::Merged(earliest) => writer.commit_events(earliest).await?,
    }
    Ok(step)
}

impl Writer<'_> {
    async fn step(&self, unmerged: &Unmerged) -> Result<Step, IngestError> {
        let Some((created, mut logged)) = self.lock_both(unmerged).await? else { return Ok(Step::Nothing) };

        let (rows, is_last) = self.take_events(created.uuid).await?;
        let documents: Vec<Option<Document<'_>>> = rows.iter().map(|row| document(&row.json)).collect();
        let events: Vec<Option<Event<'_>>> = documents
            .iter()
            .map(|document| document.as_ref().and_then(|document| document.event().ok()))
            .collect();
        let id = unmerged.aws_message_id.as_str();
        let occurrences: Vec<Occurrence<'_>> = rows
            .iter()
            .zip(&events)
            .map(|(row, event)| Occurrence::stored(id, row, event.as_ref()))
            .collect();
        let owners = Owners::from([(id, logged.owner())]);
        let Fates { earliest, .. } = self.store_occurrences(&occurrences, &owners).await?;

        // The made row holds what all its events say of the mail, those that have moved before among them.
        let sent_at = created.facts.described.sent_at;
        let facts = BTreeMap::from([(unmerged.aws_message_id.clone(), said(created.facts, &events))]);
        logged.ids = vec![unmerged.aws_message_id.clone()];
        let mut marks = self.merge_mails(&facts, std::slice::from_ref(&logged)).await?;
        marks.touch(logged.uuid);
        marks.add(sent_at);
        marks.add(logged.facts.described.sent_at);
        self.mark_figures(marks).await?;
        self.pass_on_recipients(created.uuid, logged.uuid).await?;
        if is_last {
            self.remove_emptied(created.uuid, logged.uuid).await?;
        }
        Ok(if is_last { Step::Merged(earliest) } else { Step::Moved(earliest) })
    }

    /// Locks the made mail and the one that an application logged under its SES id, in the order of their uuids.
    /// Nothing if they are not these two any more.
    async fn lock_both(&self, unmerged: &Unmerged) -> Result<Option<(LockedMail, LockedMail)>, IngestError> {
        let find = self.prepare(Statement::FindLoggedMail).await?;
        let asked: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&unmerged.aws_message_id, &unmerged.created];
        let Some(row) = self.transaction.query_opt(&find, &asked).await? else { return Ok(None) };
        let logged: Uuid = row.try_get(0)?;
        let mut mails = self.lock_rows(&[], &[unmerged.created, logged], &HashSet::new()).await?;
        // Asked again, now that nobody can change it.
        let row = self.transaction.query_opt(&find, &asked).await?;
        let is_still = row.map(|row| row.try_get::<_, Uuid>(0)).transpose()? == Some(logged);
        let place = |uuid: Uuid, mails: &[LockedMail]| mails.iter().position(|mail| mail.uuid == uuid);
        let created = place(unmerged.created, &mails).map(|place| mails.swap_remove(place));
        let logged = place(logged, &mails).map(|place| mails.swap_remove(place));
        Ok(created.zip(logged).filter(|(created, _)| is_still && created.derived))
    }

    /// Takes events out of a mail, and says whether these were the last.
    async fn take_events(&self, mail: Uuid) -> Result<(Vec<StoredRow>, bool), IngestError> {
        let mut taken: Vec<StoredRow> = Vec::new();
        for statement in [Statement::TakeEventsOfMail, Statement::TakeFoldedOfMail] {
            let room = MOVED_EVENTS_MAX - taken.len();
            let rows_max = i64::try_from(room).unwrap_or(i64::MAX);
            let take = self.prepare(statement).await?;
            for row in self.transaction.query(&take, &[&mail, &rows_max]).await? {
                taken.push(stored_row(&row)?);
            }
            if taken.len() >= MOVED_EVENTS_MAX {
                return Ok((taken, false));
            }
        }
        Ok((taken, true))
    }

    /// Merges what is known of a mail's recipients into what is known of another's. The rows go with their mail.
    async fn pass_on_recipients(&self, from: Uuid, to: Uuid) -> Result<(), IngestError> {
        let pass_on = self.prepare(Statement::PassOnRecipients).await?;
        self.transaction.execute(&pass_on, &[&from, &to]).await?;
        Ok(())
    }

    /// Removes a mail whose events have moved; its SES ids lead to the other one from now on.
    async fn remove_emptied(&self, created: Uuid, logged: Uuid) -> Result<(), IngestError> {
        let pass_on = self.prepare(Statement::PassOnIds).await?;
        self.transaction.execute(&pass_on, &[&created, &logged]).await?;
        let remove = self.prepare(Statement::RemoveEmptiedMail).await?;
        if self.transaction.execute(&remove, &[&created]).await? == 0 {
            let reason = "events were added by hand to a mail that is being merged";
            return Err(IngestError::Repeat(reason.to_owned()));
        }
        Ok(())
    }
}

/// What a made row says of its mail. That it was sent is no event's word unless one says so: it is what a row says that
/// was made from events which give no status.
fn said(mut facts: Facts, events: &[Option<Event<'_>>]) -> Facts {
    let by_an_event = || events.iter().flatten().any(|event| event.status() == Some(Status::Sent));
    if facts.status == Some(Status::Sent) && !by_an_event() {
        facts.status = None;
    }
    facts
}

fn document(json: &str) -> Option<Document<'_>> {
    match aftersend_event::read(json.as_bytes()) {
        Ok(Message::Event(document)) => Some(document),
        _ => None,
    }
}

fn stored_row(row: &Row) -> Result<StoredRow, tokio_postgres::Error> {
    let json: Option<String> = row.try_get("event_data")?;
    let json = json.unwrap_or_else(|| "{}".to_owned());
    let fingerprint: Option<Uuid> = row.try_get("fingerprint")?;
    // It lost its fingerprint when step a1 went down. What can't be read is an occurrence of its own.
    let known = || Record::whole(&json).map(|record| record.fingerprint);
    let fingerprint = match fingerprint.or_else(known) {
        Some(fingerprint) => fingerprint,
        None => row.try_get("uuid")?,
    };
    Ok(StoredRow { fingerprint, event_type: row.try_get("event_type")?, told: Told::from_row(row)?, json })
}
