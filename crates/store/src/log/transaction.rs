//! The transaction that logs some mails.
//!
//! As with ingest, what is new is made before any row is locked, then all rows are locked in the order of their uuids, and
//! what merges need is read under those locks. Whoever was quicker anywhere makes the transaction run again.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use aftersend_event::normalise_address;
use jiff::Timestamp;
use tokio_postgres::{error::SqlState, types::ToSql};
use uuid::Uuid;

use super::{LogOutcome, LogRefusal, Logged, LoggedMail, columns::LoggedColumns, row::MailRow};
use crate::{
    IngestError, Store, TagNames,
    erase::{ErasedPerson, is_pseudonym},
    ingest::{mails::Unmerged, marks::Marks, transaction::Writer},
    sql::Statement,
};

/// What a transaction has done, and what it leads to.
pub(super) struct Done {
    pub(super) outcomes: Vec<Result<Logged, LogRefusal>>,
    /// Mails made from events that are others' now.
    pub(super) unmerged: Vec<Unmerged>,
    /// SES ids that lead to a mail since this transaction, of which events may be parked.
    pub(super) ids: Vec<String>,
}

/// What came of a transaction.
pub(super) enum Ran {
    Done(Done),
    /// Nothing: these mails, made for SES ids that are about to leave the column, must be merged first.
    Unmerged(Vec<Unmerged>),
}

/// Where an SES id leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// To the mail that has it in its column.
    Column(Uuid),
    /// To a mail that is there, by `aftersend_ids`.
    Beside { mail: Uuid, is_created: bool },
    /// To one that was removed on purpose.
    Removed,
    /// To one that is in the archive, and not here.
    Archived,
}

impl Way {
    fn mail(self) -> Option<Uuid> {
        match self {
            Self::Column(mail) | Self::Beside { mail, .. } => Some(mail),
            Self::Removed | Self::Archived => None,
        }
    }
}

/// What was found, without a lock.
struct Found {
    by_own_id: HashMap<String, Uuid>,
    by_ses_id: HashMap<String, Way>,
    /// Own ids, looked for in vain, of mails that are in the archive.
    archived: HashSet<String>,
}

fn changed_meanwhile() -> IngestError {
    IngestError::Repeat("a mail was changed or made while it was logged".to_owned())
}

/// Somebody else has written an id since it was looked up.
fn unless_taken(error: tokio_postgres::Error) -> IngestError {
    if error.code() == Some(&SqlState::UNIQUE_VIOLATION) { changed_meanwhile() } else { error.into() }
}

/// People who were erased, whom a chunk of lines names.
struct ErasedPeople(Vec<ErasedPerson>);

impl ErasedPeople {
    /// A line that is so old without those who were erased since; nothing where it went to one of them: it is not logged.
    fn cleaned<'a>(&self, mail: &'a LoggedMail, at: Option<Timestamp>) -> Option<Cow<'a, LoggedMail>> {
        let mut cleaned = Cow::Borrowed(mail);
        let mut is_refused = false;
        for ErasedPerson { person, erased_at, .. } in &self.0 {
            if at.is_some_and(|at| at <= *erased_at) {
                is_refused |= mail.to.as_ref().is_some_and(|to| normalise_address(to) == person.address);
                cleaned.to_mut().clean(person);
            }
        }
        (!is_refused).then_some(cleaned)
    }
}

/// The earliest time that a line tells of its mail.
fn said_at(mail: &LoggedMail) -> Option<Timestamp> {
    [mail.queued_at, mail.sent_at].into_iter().flatten().min()
}

pub(super) async fn run(store: &Store, mails: &[LoggedMail]) -> Result<Ran, IngestError> {
    let mut client = store.writer().await?;
    let writer = Writer { store, transaction: client.build_transaction().start().await? };
    let erased = writer.find_erased(|| mails.iter().flat_map(LoggedMail::addresses).collect()).await?;
    let erased = ErasedPeople(erased);
    let found = writer.find_logged(mails).await?;
    let mut work = Work::of(&found, mails, &erased, &store.tag_names);
    writer.insert_logged(&mut work).await?;
    work.before = writer.lock_logged(&work, mails).await?;
    work.require_same(mails, &found)?;
    work.merge(mails, &found, &erased, store);
    let unmerged = writer.write_logged(&work).await?;
    if !unmerged.is_empty() {
        return Ok(Ran::Unmerged(unmerged));
    }
    let mut marks = std::mem::take(&mut work.marks);
    work.mark_changes(&mut marks);
    writer.mark_figures(marks).await?;
    writer.transaction.commit().await?;
    let outcomes = work.outcomes.into_iter().flatten().collect();
    Ok(Ran::Done(Done { outcomes, unmerged: work.unmerged, ids: work.ids }))
}

/// The mails of a transaction on their way.
#[derive(Default)]
struct Work {
    /// Of each line, once it is known.
    outcomes: Vec<Option<Result<Logged, LogRefusal>>>,
    /// The rows that each line is about: by its own id, and by its SES id.
    rows: Vec<(Option<Uuid>, Option<Uuid>)>,
    new: BTreeMap<Uuid, MailRow>,
    before: BTreeMap<Uuid, MailRow>,
    after: BTreeMap<Uuid, MailRow>,
    /// Made mails that hold an SES id of another's in their column.
    apart: Vec<(Uuid, String)>,
    /// Ids to note beside the column.
    aliases: BTreeMap<String, Uuid>,
    unmerged: Vec<Unmerged>,
    ids: Vec<String>,
    marks: Marks,
}

impl Work {
    /// Sorts the lines into those about mails that are there and those about new ones.
    fn of(found: &Found, mails: &[LoggedMail], erased: &ErasedPeople, names: &TagNames) -> Self {
        let mut work = Self::default();
        for mail in mails {
            let Some(cleaned) = erased.cleaned(mail, said_at(mail)) else {
                work.settle(Err(LogRefusal::Removed));
                continue;
            };
            let row_id = mail.row_id();
            let own = row_id.as_ref().and_then(|id| found.by_own_id.get(&**id)).copied();
            let way = mail.ses_id().and_then(|id| found.by_ses_id.get(id)).copied();
            let is_named = mail.aws_message_id.is_some();
            let ses = match way {
                Some(Way::Removed) if is_named || own.is_none() => {
                    work.settle(Err(LogRefusal::Removed));
                    continue;
                }
                Some(Way::Archived) if is_named || own.is_none() => {
                    work.settle(Err(LogRefusal::Archived));
                    continue;
                }
                // An own id that is another mail's SES id counts only where that mail is nobody's yet.
                way => way.and_then(Way::mail),
            };
            let is_archived = row_id.is_some_and(|id| found.archived.contains(&*id));
            if own.is_none() && is_archived {
                work.settle(Err(LogRefusal::Archived));
            } else if own.is_none() && ses.is_none() {
                work.make(&cleaned, names);
            } else {
                work.rows.push((own, ses));
                work.outcomes.push(None);
            }
        }
        work
    }

    fn settle(&mut self, outcome: Result<Logged, LogRefusal>) {
        self.rows.push((None, None));
        self.outcomes.push(Some(outcome));
    }

    fn make(&mut self, mail: &LoggedMail, names: &TagNames) {
        if mail.to.is_none() || mail.from.is_none() {
            return self.settle(Err(LogRefusal::Unknown));
        }
        let mut row = MailRow::new(mail);
        row.take_in(mail, names);
        let logged =
            Logged { uuid: row.uuid, message_id: row.message_id.clone(), outcome: LogOutcome::Created };
        self.ids.extend(mail.ses_id().map(str::to_owned));
        self.new.insert(row.uuid, row);
        self.settle(Ok(logged));
    }

    /// Nobody may have changed between the look and the lock what led here.
    fn require_same(&self, mails: &[LoggedMail], found: &Found) -> Result<(), IngestError> {
        for (mail, (own, ses)) in mails.iter().zip(&self.rows) {
            for uuid in [own, ses].into_iter().flatten() {
                let row = self.before.get(uuid).ok_or_else(changed_meanwhile)?;
                let is_own = *own != Some(*uuid) || Some(&*row.message_id) == mail.row_id().as_deref();
                let way = mail.ses_id().and_then(|id| found.by_ses_id.get(id));
                let is_in_column =
                    way != Some(&Way::Column(*uuid)) || row.aws_message_id.as_deref() == mail.ses_id();
                if !is_own || !is_in_column {
                    return Err(changed_meanwhile());
                }
            }
        }
        Ok(())
    }

    /// Takes in what the lines say, in their order.
    fn merge(&mut self, mails: &[LoggedMail], found: &Found, erased: &ErasedPeople, store: &Store) {
        self.after = self.before.clone();
        let mut outcomes = std::mem::take(&mut self.outcomes);
        for ((mail, outcome), (own, ses)) in mails.iter().zip(&mut outcomes).zip(self.rows.clone()) {
            if outcome.is_none() {
                // A line that tells no time is as old as the mail that it is about.
                let rows = [own, ses].into_iter().flatten();
                let sent_at = || rows.filter_map(|uuid| self.before[&uuid].sent_at).min();
                let cleaned = erased.cleaned(mail, said_at(mail).or_else(sent_at));
                *outcome = Some(match cleaned {
                    Some(mail) => self.merge_line(&mail, own, ses, found, store),
                    None => Err(LogRefusal::Removed),
                });
            }
        }
        self.outcomes = outcomes;
    }

    fn merge_line(
        &mut self,
        mail: &LoggedMail,
        own: Option<Uuid>,
        ses: Option<Uuid>,
        found: &Found,
        store: &Store,
    ) -> Result<Logged, LogRefusal> {
        let is_nobodys = |uuid: Uuid| self.after[&uuid].derived;
        let is_named = mail.aws_message_id.is_some();
        // An own id may be the SES id, too, where the mail has no other.
        let has_room = |own: Uuid| self.after[&own].aws_message_id.is_none();
        let ses = ses.filter(|ses| {
            is_named || own.is_none_or(|own| own == *ses || (is_nobodys(*ses) && has_room(own)))
        });
        let uuid = match (own, ses) {
            (Some(own), Some(ses)) if own != ses && !is_nobodys(ses) => {
                return Err(LogRefusal::OtherMail(self.after[&ses].message_id.clone()));
            }
            (Some(own), _) => own,
            (None, Some(ses)) => ses,
            (None, None) => return Err(LogRefusal::Unknown),
        };
        // Emptied, since it was an erased person's alone.
        if self.after[&uuid].aws_message_id.is_none() && is_pseudonym(&self.after[&uuid].to) {
            return Err(LogRefusal::Removed);
        }
        let before = self.after[&uuid].clone();
        let id = mail.ses_id().filter(|_| is_named || ses.is_some());
        if let (None, Some(message_id)) = (own, &mail.message_id) {
            let row = &self.after[&uuid];
            if !row.derived && row.message_id != *message_id && row.has_chosen_id(id.unwrap_or_default()) {
                return Err(LogRefusal::OtherMail(row.message_id.clone()));
            }
        }
        let is_merged = match (id, ses) {
            (Some(id), Some(ses)) if ses != uuid => self.take_over(id, ses, found),
            _ => false,
        };
        let row = self.after.get_mut(&uuid).expect("it is locked");
        if let (None, Some(message_id)) = (own, &mail.message_id) {
            row.message_id.clone_from(message_id);
        }
        if let Some(id) = id
            && (ses != Some(uuid) || row.derived)
            && row.aws_message_id.as_deref() != Some(id)
        {
            // A mail that was sent again: its first id leads here, too.
            if let Some(first) = row.aws_message_id.replace(id.to_owned()) {
                self.aliases.insert(first, uuid);
            }
            self.ids.push(id.to_owned());
        }
        if row.derived
            && let Some(id) = id
            && let Some(Way::Beside { .. }) = found.by_ses_id.get(id)
        {
            self.aliases.insert(id.to_owned(), uuid);
        }
        row.take_in(mail, &store.tag_names);
        let outcome = if mail.given.is_some() {
            // Nobody else knows that id: an attempt whose answer was lost has made the row.
            LogOutcome::Created
        } else if before.derived || is_merged {
            LogOutcome::Joined
        } else if *row == before {
            LogOutcome::Unchanged
        } else {
            LogOutcome::Updated
        };
        Ok(Logged { uuid, message_id: row.message_id.clone(), outcome })
    }

    /// The made mail of an SES id is another row's: it goes when its events have moved there.
    fn take_over(&mut self, id: &str, made: Uuid, found: &Found) -> bool {
        match found.by_ses_id.get(id) {
            Some(Way::Column(_)) => self.apart.push((made, id.to_owned())),
            Some(Way::Beside { is_created: true, .. }) => {}
            _ => return false,
        }
        self.unmerged.push(Unmerged { aws_message_id: id.to_owned(), created: made });
        true
    }

    fn changed(&self) -> impl Iterator<Item = (&MailRow, &MailRow)> {
        let pair = |(uuid, after)| (&self.before[uuid], after);
        self.after.iter().map(pair).filter(|(before, after)| before != after)
    }

    fn mark_changes(&self, marks: &mut Marks) {
        for (before, after) in self.changed() {
            marks.touch(after.uuid);
            let has_id = |row: &MailRow| row.aws_message_id.is_some();
            let counts_as = before.sent_at == after.sent_at
                && before.template_name == after.template_name
                // Its domain, as long as no event has told the recipients.
                && before.to == after.to
                && has_id(before) == has_id(after);
            if !counts_as {
                [before.sent_at, after.sent_at].into_iter().flatten().for_each(|at| marks.add(at));
            }
        }
    }
}

impl Writer<'_> {
    async fn find_logged(&self, mails: &[LoggedMail]) -> Result<Found, IngestError> {
        let own: Vec<Cow<'_, str>> = mails.iter().filter_map(LoggedMail::row_id).collect();
        let ses: BTreeSet<&str> = mails.iter().filter_map(LoggedMail::ses_id).collect();
        let ses: Vec<&str> = ses.into_iter().collect();
        let find = self.prepare(Statement::FindLogged).await?;
        let mut found =
            Found { by_own_id: HashMap::new(), by_ses_id: HashMap::new(), archived: HashSet::new() };
        for row in self.transaction.query(&find, &[&own]).await? {
            found.by_own_id.insert(row.try_get("message_id")?, row.try_get("uuid")?);
        }
        let find = self.prepare(Statement::FindMails).await?;
        for row in self.transaction.query(&find, &[&ses]).await? {
            let (id, mail): (String, Option<Uuid>) = (row.try_get("aws_message_id")?, row.try_get("uuid")?);
            let is_there: bool = row.try_get("is_there")?;
            let way = match (row.try_get::<_, &str>("state")?, mail.filter(|_| is_there)) {
                ("column", Some(mail)) => Way::Column(mail),
                ("deleted" | "erased", _) => Way::Removed,
                ("archived", None) => Way::Archived,
                (state @ ("alias" | "created"), Some(mail)) => {
                    Way::Beside { mail, is_created: state == "created" }
                }
                _ => continue,
            };
            // The column decides.
            match (found.by_ses_id.get(&id), way) {
                (Some(Way::Column(_)), _) => {}
                _ => drop(found.by_ses_id.insert(id, way)),
            }
        }
        // After the look for what is here: what leaves in between is found by one of the two, or not there to be locked.
        let missing: Vec<&str> =
            own.iter().map(|id| &**id).filter(|id| !found.by_own_id.contains_key(*id)).collect();
        if !missing.is_empty() {
            let find = self.prepare(Statement::FindArchivedIds).await?;
            for row in self.transaction.query(&find, &[&missing]).await? {
                found.archived.insert(row.try_get("message_id")?);
            }
        }
        Ok(found)
    }

    async fn insert_logged(&self, work: &mut Work) -> Result<(), IngestError> {
        if work.new.is_empty() {
            return Ok(());
        }
        let mut columns = LoggedColumns::default();
        for row in work.new.values() {
            columns.push(row, None);
        }
        let insert = self.prepare(Statement::InsertLogged).await?;
        let rows = self.transaction.query(&insert, &columns.parameters()[..21]).await?;
        if rows.len() != work.new.len() {
            // Somebody else has made one of them.
            return Err(changed_meanwhile());
        }
        for row in rows {
            work.marks.add(row.try_get::<_, Timestamp>("sent_at")?);
        }
        Ok(())
    }

    /// Locks the rows that stand already.
    async fn lock_logged(
        &self,
        work: &Work,
        mails: &[LoggedMail],
    ) -> Result<BTreeMap<Uuid, MailRow>, IngestError> {
        let rows = work.rows.iter().flat_map(|(own, ses)| [*own, *ses]).flatten();
        let uuids: Vec<Uuid> = rows.collect::<BTreeSet<Uuid>>().into_iter().collect();
        if uuids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let with_body = work.rows.iter().zip(mails).filter(|(_, mail)| mail.body.is_some());
        let bodied: Vec<Uuid> = with_body.flat_map(|((own, ses), _)| [*own, *ses]).flatten().collect();
        let lock = self.prepare(Statement::LockLogged).await?;
        let mut locked = BTreeMap::new();
        for row in self.transaction.query(&lock, &[&uuids, &bodied]).await? {
            let row = MailRow::from_row(&row)?;
            locked.insert(row.uuid, row);
        }
        Ok(locked)
    }

    /// Says which made mails keep ids from being noted: nothing may be committed then.
    async fn write_logged(&self, work: &Work) -> Result<Vec<Unmerged>, IngestError> {
        if !work.apart.is_empty() {
            let (made, ids): (Vec<Uuid>, Vec<&str>) =
                work.apart.iter().map(|(made, id)| (*made, id.as_str())).unzip();
            let set_apart = self.prepare(Statement::SetApart).await?;
            self.transaction.execute(&set_apart, &[&made, &ids]).await.map_err(unless_taken)?;
        }
        let mut columns = LoggedColumns::default();
        for (before, after) in work.changed() {
            columns.push(after, Some(before));
        }
        if !columns.uuid.is_empty() {
            let update = self.prepare(Statement::UpdateLogged).await?;
            let parameters: [&(dyn ToSql + Sync); 22] = columns.parameters();
            self.transaction.execute(&update, &parameters).await.map_err(unless_taken)?;
        }
        if !work.aliases.is_empty() {
            let (ids, uuids): (Vec<&str>, Vec<Uuid>) =
                work.aliases.iter().map(|(id, uuid)| (id.as_str(), *uuid)).unzip();
            let note = self.prepare(Statement::NoteIds).await?;
            self.transaction.execute(&note, &[&ids, &uuids]).await?;
            return self.find_made_for(&work.aliases).await;
        }
        Ok(Vec::new())
    }

    /// Mails that others have made for these ids, in the moment in which they were logged. A statement of its own, which
    /// sees what the one before it has waited for.
    async fn find_made_for(&self, aliases: &BTreeMap<String, Uuid>) -> Result<Vec<Unmerged>, IngestError> {
        let ids: Vec<&str> = aliases.keys().map(String::as_str).collect();
        let find = self.prepare(Statement::FindMails).await?;
        let mut unmerged = Vec::new();
        for row in self.transaction.query(&find, &[&ids]).await? {
            let (id, mail): (String, Option<Uuid>) = (row.try_get("aws_message_id")?, row.try_get("uuid")?);
            let is_made: bool = row.try_get("is_made")?;
            let made = mail.filter(|mail| is_made && aliases.get(&id) != Some(mail));
            unmerged.extend(made.map(|created| Unmerged { aws_message_id: id, created }));
        }
        Ok(unmerged)
    }
}
