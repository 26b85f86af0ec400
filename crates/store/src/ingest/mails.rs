//! The mails of a batch: found by SES id, made where they are unknown, and locked.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aftersend_event::Status;
use tokio_postgres::{Row, error::SqlState, types::ToSql};
use uuid::Uuid;

use super::{
    events::Owner,
    facts::{Column, Described, Facts, Said, Times},
    mail_columns::MailColumns,
    transaction::Writer,
    unknown::Treatment,
};
use crate::{IngestError, sql::Statement, tags};

/// What `aftersend_ids` says of an SES id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Beside {
    mail: Option<Uuid>,
    state: IdState,
    /// Whether that mail is there.
    is_there: bool,
    /// Whether it is there and was made from its events.
    is_made: bool,
}

/// Why an SES id stands in `aftersend_ids`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdState {
    /// The mail has, or had, another one in its column.
    Alias,
    /// The mail was made from its events, where an application may yet log it.
    Created,
    /// The mail is in the archive, and what comes of it goes there, too.
    Archived,
    /// The mail was removed on purpose, and stays away.
    Removed,
}

impl IdState {
    fn from_name(name: &str) -> Self {
        match name {
            "alias" => Self::Alias,
            "created" => Self::Created,
            "archived" => Self::Archived,
            // The table's check allows these two only: deleted, erased.
            _ => Self::Removed,
        }
    }
}

/// Where the SES ids of a batch lead, as the tables had it when they were asked.
#[derive(Debug, Default)]
pub(super) struct Found {
    column: BTreeMap<String, Uuid>,
    beside: BTreeMap<String, Beside>,
}

/// A mail that was made from events, and the SES id under which an application has logged it after all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unmerged {
    pub(crate) aws_message_id: String,
    pub(crate) created: Uuid,
}

impl Found {
    /// Where an id leads. The column decides; only an id that no column holds is looked for beside it.
    fn mail(&self, id: &str) -> Option<Uuid> {
        let beside = || self.beside.get(id).filter(|beside| beside.is_live()).and_then(|beside| beside.mail);
        self.column.get(id).copied().or_else(beside)
    }

    /// Whether the id's mail was removed on purpose.
    fn is_removed(&self, id: &str) -> bool {
        let removed = |beside: &Beside| beside.state == IdState::Removed;
        !self.column.contains_key(id) && self.beside.get(id).is_some_and(removed)
    }

    /// The mail of an id's that is in the archive and not here.
    fn archived(&self, id: &str) -> Option<Uuid> {
        let archived = |beside: &&Beside| beside.state == IdState::Archived;
        let beside = self.beside.get(id).filter(archived)?;
        beside.mail.filter(|_| !self.column.contains_key(id))
    }

    fn is_unknown(&self, id: &str) -> bool {
        self.mail(id).is_none() && !self.is_removed(id) && self.archived(id).is_none()
    }

    fn unknown<'a>(&self, ids: &[&'a str]) -> Vec<&'a str> {
        ids.iter().copied().filter(|id| self.is_unknown(id)).collect()
    }

    /// Mails that are there twice: as an application logged them, and as they were made from events.
    fn unmerged(&self) -> Vec<Unmerged> {
        let made_too = |(id, logged): (&String, &Uuid)| {
            let beside = self.beside.get(id)?;
            let created = beside.mail.filter(|created| created != logged)?;
            beside.is_made.then(|| Unmerged { aws_message_id: id.clone(), created })
        };
        self.column.iter().filter_map(made_too).collect()
    }

    /// Entries of unknown mails, which lead nowhere and stand in the way of another.
    fn dangling<'a>(&self, unknown: &[&'a str]) -> (Vec<&'a str>, Vec<Option<Uuid>>) {
        unknown.iter().filter_map(|id| Some((*id, self.beside.get(*id)?.mail))).unzip()
    }
}

impl Beside {
    fn is_live(&self) -> bool {
        self.is_there && matches!(self.state, IdState::Alias | IdState::Created)
    }
}

/// A mail's row, under this transaction's lock.
pub(super) struct LockedMail {
    pub(super) uuid: Uuid,
    pub(super) derived: bool,
    /// What of its description is an application's word.
    pub(super) worded: Said,
    /// Whether nobody has told yet when it was sent: what the row says is when it was logged.
    pub(super) is_sent_at_open: bool,
    pub(super) facts: Facts,
    /// The state as the row spells it, which may be an application's own invention.
    pub(super) status: String,
    /// The SES ids of the batch that lead to this row.
    pub(super) ids: Vec<String>,
    /// The one in its column.
    pub(super) column: Option<String>,
}

impl LockedMail {
    /// Whose the events of its SES ids are.
    pub(super) fn owners(&self) -> impl Iterator<Item = (&str, Owner<'_>)> {
        let owner = self.owner();
        self.ids.iter().map(move |id| (id.as_str(), owner))
    }

    pub(super) fn owner(&self) -> Owner<'_> {
        let logged_to = (!self.derived).then_some(self.facts.described.to.as_str());
        Owner { mail: self.uuid, logged_to }
    }
}

/// The mails of a batch.
#[derive(Default)]
pub(super) struct Mails {
    /// Under this transaction's lock.
    pub(super) locked: Vec<LockedMail>,
    /// SES ids that lead to no mail, and get none.
    pub(super) unknown: BTreeSet<String>,
    /// SES ids whose mails were removed on purpose.
    pub(super) removed: BTreeSet<String>,
    /// SES ids whose mails are in the archive, and these mails.
    pub(super) archived: BTreeMap<String, Uuid>,
    found: Found,
}

/// What came of looking for a batch's mails.
pub(super) enum Looked {
    Ready(Mails),
    /// Nothing is locked: these come first.
    Unmerged(Vec<Unmerged>),
}

fn changed_meanwhile() -> IngestError {
    IngestError::Repeat("a mail was changed or removed while its events were stored".to_owned())
}

impl Writer<'_> {
    /// Finds the mails, makes the unknown ones if they are to be made, and locks them all.
    pub(super) async fn lock_mails(
        &self,
        facts: &BTreeMap<String, Facts>,
        treatment: Treatment,
    ) -> Result<Looked, IngestError> {
        let ids: Vec<&str> = facts.keys().map(String::as_str).collect();
        if ids.is_empty() {
            return Ok(Looked::Ready(Mails::default()));
        }
        let mut found = self.find_mails(&ids).await?;
        let unmerged = found.unmerged();
        if !unmerged.is_empty() {
            return Ok(Looked::Unmerged(unmerged));
        }
        let unknown = found.unknown(&ids);
        if !unknown.is_empty() {
            match treatment {
                Treatment::InColumn => {
                    self.adopt_mails(&unknown).await?;
                    self.make_mails(facts, &unknown, |_, id| id.to_owned()).await?;
                }
                Treatment::Beside | Treatment::Leave => {
                    found = self.find_or_make_beside(facts, &ids, found, treatment).await?;
                }
            }
        }
        let removed: BTreeSet<String> =
            ids.iter().filter(|id| found.is_removed(id)).map(ToString::to_string).collect();
        let unknown: BTreeSet<String> = match treatment {
            Treatment::Leave => found.unknown(&ids).into_iter().map(str::to_owned).collect(),
            Treatment::InColumn | Treatment::Beside => BTreeSet::new(),
        };
        let archived: BTreeMap<String, Uuid> =
            ids.iter().filter_map(|id| Some(((*id).to_owned(), found.archived(id)?))).collect();
        let has_mail =
            |id: &&str| !removed.contains(*id) && !unknown.contains(*id) && !archived.contains_key(*id);
        let wanted: Vec<&str> = ids.into_iter().filter(has_mail).collect();
        let mut locked = self.lock(&wanted, &found).await?;
        let missing = without_mail(&wanted, &locked);
        if !missing.is_empty() {
            // Either their SES ids are the own ids of other mails; these take one that nobody else can have. Or
            // somebody changed a row in the meantime, and the next try finds it as it is then.
            if treatment != Treatment::InColumn || self.taken_message_ids(&missing).await? != missing.len() {
                return Err(changed_meanwhile());
            }
            self.make_mails(facts, &missing, |uuid, _| own_message_id(uuid)).await?;
            locked = self.lock(&wanted, &found).await?;
            if !without_mail(&wanted, &locked).is_empty() {
                return Err(changed_meanwhile());
            }
        }
        Ok(Looked::Ready(Mails { locked, unknown, removed, archived, found }))
    }

    /// Looks where SES ids lead, without a lock.
    async fn find_mails(&self, ids: &[&str]) -> Result<Found, IngestError> {
        let find = self.prepare(Statement::FindMails).await?;
        let mut found = Found::default();
        for row in self.transaction.query(&find, &[&ids]).await? {
            let (id, mail, state): (String, Option<Uuid>, &str) =
                (row.try_get("aws_message_id")?, row.try_get("uuid")?, row.try_get("state")?);
            if state == "column" {
                found.column.extend(mail.map(|mail| (id, mail)));
            } else {
                let state = IdState::from_name(state);
                let (is_there, is_made) = (row.try_get("is_there")?, row.try_get("is_made")?);
                found.beside.insert(id, Beside { mail, state, is_there, is_made });
            }
        }
        Ok(found)
    }

    /// Whether any of these SES ids, which led to no mail, leads to one by now.
    pub(super) async fn are_known_meanwhile(&self, ids: &BTreeSet<String>) -> Result<bool, IngestError> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let found = self.find_mails(&ids).await?;
        Ok(found.unknown(&ids).len() != ids.len())
    }

    /// Lets unknown ids lead to mails that an application logged under them as its own ids and, if that is wanted,
    /// makes mails for the rest. No column that an application may want to write to is touched.
    async fn find_or_make_beside(
        &self,
        facts: &BTreeMap<String, Facts>,
        ids: &[&str],
        found: Found,
        treatment: Treatment,
    ) -> Result<Found, IngestError> {
        let unknown = found.unknown(ids);
        let (dangling, gone) = found.dangling(&unknown);
        if !dangling.is_empty() {
            let forget = self.prepare(Statement::ForgetIds).await?;
            self.transaction.execute(&forget, &[&dangling, &gone]).await?;
        }
        let alias = self.prepare(Statement::AliasLoggedMails).await?;
        let aliases = self.transaction.execute(&alias, &[&unknown]).await?;
        if treatment == Treatment::Leave {
            return if aliases == 0 { Ok(found) } else { self.find_mails(ids).await };
        }
        let found = self.find_mails(ids).await?;
        let unknown = found.unknown(ids);
        if unknown.is_empty() {
            return Ok(found);
        }
        self.make_mails_beside(facts, &unknown).await?;
        // Those that a racing batch has made are seen by now, too.
        self.find_mails(ids).await
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

    /// Makes mails that hold their SES ids in the column.
    async fn make_mails(
        &self,
        facts: &BTreeMap<String, Facts>,
        ids: &[&str],
        message_id: impl Fn(Uuid, &str) -> String,
    ) -> Result<(), IngestError> {
        let made: Vec<(Uuid, &str)> = ids.iter().map(|id| (Uuid::now_v7(), *id)).collect();
        let columns: Vec<Option<&str>> = ids.iter().copied().map(Some).collect();
        self.insert_mails(facts, &made, &columns, message_id).await
    }

    /// Makes mails that hold their SES ids in `aftersend_ids` alone, but for those that somebody else has made first.
    async fn make_mails_beside(
        &self,
        facts: &BTreeMap<String, Facts>,
        ids: &[&str],
    ) -> Result<(), IngestError> {
        let uuids: Vec<Uuid> = ids.iter().map(|_| Uuid::now_v7()).collect();
        let claim = self.prepare(Statement::ClaimIds).await?;
        let rows = self.transaction.query(&claim, &[&ids, &uuids]).await?;
        let claimed: HashSet<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let made: Vec<(Uuid, &str)> =
            uuids.into_iter().zip(ids.iter().copied()).filter(|(_, id)| claimed.contains(*id)).collect();
        self.insert_mails(facts, &made, &vec![None; made.len()], |uuid, _| own_message_id(uuid)).await
    }

    async fn insert_mails(
        &self,
        facts: &BTreeMap<String, Facts>,
        made: &[(Uuid, &str)],
        aws_message_ids: &[Option<&str>],
        message_id: impl Fn(Uuid, &str) -> String,
    ) -> Result<(), IngestError> {
        if made.is_empty() {
            return Ok(());
        }
        let mut columns = MailColumns::default();
        let mut message_ids: Vec<String> = Vec::with_capacity(made.len());
        for &(uuid, id) in made {
            message_ids.push(message_id(uuid, id));
            // SES reports on mails that it has accepted, whatever its report says.
            columns.push(uuid, &facts[id], facts[id].status.unwrap_or(Status::Sent).name().to_owned());
        }
        let make = self.prepare(Statement::MakeMails).await?;
        let keys: [&(dyn ToSql + Sync); 3] = [&columns.uuid, &message_ids, &aws_message_ids];
        let parameters: Vec<_> = keys.into_iter().chain(columns.parameters()).collect();
        self.transaction.execute(&make, &parameters).await?;
        Ok(())
    }

    async fn lock(&self, ids: &[&str], found: &Found) -> Result<Vec<LockedMail>, IngestError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut beside: BTreeMap<Uuid, Vec<&str>> = BTreeMap::new();
        for id in ids.iter().filter(|id| !found.column.contains_key(**id)) {
            if let Some(mail) = found.mail(id) {
                beside.entry(mail).or_default().push(id);
            }
        }
        let by_uuid: Vec<Uuid> = beside.keys().copied().collect();
        let wanted: HashSet<&str> = ids.iter().copied().collect();
        let mut mails = self.lock_rows(ids, &by_uuid, &wanted).await?;
        // The column decides; only an id that no column holds is looked for beside it.
        let in_columns: HashSet<String> = mails.iter().flat_map(|mail| mail.ids.iter().cloned()).collect();
        for mail in &mut mails {
            let beside = beside.get(&mail.uuid).into_iter().flatten();
            mail.ids.extend(beside.filter(|id| !in_columns.contains(**id)).map(ToString::to_string));
        }
        Ok(mails)
    }

    /// Locks mails that hold one of the SES ids in their column or are named, in the order of their uuids.
    pub(super) async fn lock_rows(
        &self,
        ids: &[&str],
        by_uuid: &[Uuid],
        wanted: &HashSet<&str>,
    ) -> Result<Vec<LockedMail>, IngestError> {
        let lock = self.prepare(Statement::LockMails).await?;
        let rows = self.transaction.query(&lock, &[&ids, &by_uuid]).await?;
        Ok(rows.iter().map(|row| locked_mail(row, wanted)).collect::<Result<_, _>>()?)
    }

    /// Notes the SES ids that application's mails have in their columns now, each the first time that events of it are
    /// stored: on a resend the application overwrites the column.
    pub(super) async fn remember_ids(&self, mails: &Mails) -> Result<(), IngestError> {
        let is_noted = |id: &str, uuid: Uuid| {
            mails
                .found
                .beside
                .get(id)
                .is_some_and(|beside| beside.mail == Some(uuid) || beside.state != IdState::Alias)
        };
        let mut held: BTreeMap<&str, Uuid> = BTreeMap::new();
        for mail in mails.locked.iter().filter(|mail| !mail.derived) {
            let column = mail.ids.iter().find(|id| mail.column.as_ref() == Some(id));
            held.extend(column.filter(|id| !is_noted(id, mail.uuid)).map(|id| (id.as_str(), mail.uuid)));
        }
        if held.is_empty() {
            return Ok(());
        }
        let (ids, uuids): (Vec<&str>, Vec<Uuid>) = held.into_iter().unzip();
        let remember = self.prepare(Statement::RememberIds).await?;
        self.transaction.execute(&remember, &[&ids, &uuids]).await?;
        Ok(())
    }
}

/// An own id of a mail's that nobody else can have.
fn own_message_id(uuid: Uuid) -> String {
    format!("aftersend:{uuid}")
}

/// The ids that no locked mail answers to.
fn without_mail<'a>(ids: &[&'a str], mails: &[LockedMail]) -> Vec<&'a str> {
    let held: BTreeSet<&str> = mails.iter().flat_map(|mail| mail.ids.iter().map(String::as_str)).collect();
    ids.iter().copied().filter(|id| !held.contains(id)).collect()
}

pub(super) fn locked_mail(row: &Row, wanted: &HashSet<&str>) -> Result<LockedMail, tokio_postgres::Error> {
    let uuid: Uuid = row.try_get("uuid")?;
    let derived: bool = row.try_get("derived")?;
    let logged: Option<Vec<&str>> = row.try_get("logged")?;
    let worded = Said::of_row(derived, logged.as_deref());
    let is_sent_at_open = logged.is_some() && !worded.has(Column::SentAt) && row.try_get("is_unsent")?;
    // What the column holds now, under the lock: an application may have changed it since the row was found.
    let column: Option<String> = row.try_get("aws_message_id")?;
    let ids: Vec<String> = column.iter().filter(|id| wanted.contains(id.as_str())).cloned().collect();
    let tags: Option<String> = row.try_get("message_tags")?;
    let status: String = row.try_get("status")?;
    Ok(LockedMail {
        uuid,
        derived,
        worded,
        is_sent_at_open,
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
        column,
    })
}
