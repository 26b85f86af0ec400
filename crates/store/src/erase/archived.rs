//! People in the archive: found in its lines, kept from coming back with them, and forgotten where rows here speak of mails
//! that are there.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{EraseError, ErasedPerson, HashKey, Person, address_of, addresses_in_json, is_pseudonym};
use crate::{IngestError, RestoredMail, Store, retention::fingerprint_of, sql::Statement};

/// Mails that are forgotten in one transaction at most.
const FORGOTTEN_MAILS_MAX: usize = 500;

/// A row's columns with their values as they are spelled.
type Fields = BTreeMap<String, Box<RawValue>>;

/// A person to look for in the lines of archived mails.
#[derive(Clone, Debug)]
pub struct ArchiveSearch {
    person: Person,
}

/// How an archived mail names a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedAs {
    /// It went to the person and nobody else.
    Alone,
    /// It went to others, or is about the person.
    Among,
}

/// An archived mail that went to an erased person alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedMail {
    /// Its key.
    pub uuid: Uuid,
    /// All its SES ids.
    pub aws_message_ids: BTreeSet<String>,
}

impl Store {
    /// What finds a person of that address in the archive.
    ///
    /// # Errors
    ///
    /// When it is no address, or the database does not answer.
    pub async fn archive_search(&self, address: &str) -> Result<ArchiveSearch, EraseError> {
        let address = address_of(address)?;
        let key = self.hash_key().await?.unwrap_or_else(|| HashKey::new(Vec::new()));
        let pseudonym = key.pseudonym(&address);
        Ok(ArchiveSearch { person: Person::new(address, pseudonym) })
    }

    /// Makes the tombstones of archived mails say that they were erased, so that neither a restore nor a late event brings
    /// them back; what is late of them goes. Says how many of them were not erased before.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to: what was done is done, do it again.
    pub async fn erase_archived(&self, mails: &[ErasedMail]) -> Result<u64, IngestError> {
        let mut erased = 0;
        for part in mails.chunks(FORGOTTEN_MAILS_MAX) {
            erased += super::retry(async || {
                let mut client = self.writer().await?;
                let transaction = client.build_transaction().start().await?;
                let erased = forget_archived(self, &transaction, part).await?;
                transaction.commit().await?;
                Ok(erased)
            })
            .await?;
        }
        Ok(erased)
    }
}

impl ArchiveSearch {
    /// Whether a line may name the person: those that can't are passed over without being read.
    pub fn may_be_in(&self, line: &str) -> bool {
        self.person.may_be_in(line)
    }

    /// Whether and how an archived mail names the person.
    ///
    /// # Errors
    ///
    /// Where the line is not what a mail's should be.
    pub fn in_mail(&self, mail: &RestoredMail<'_>) -> Result<Option<NamedAs>, serde_json::Error> {
        if !is_in(mail, &self.person) {
            return Ok(None);
        }
        let parts = Parts::read(mail)?;
        Ok(Some(if parts.is_alone(&self.person) { NamedAs::Alone } else { NamedAs::Among }))
    }

    /// Whether the JSON of a late event names the person.
    pub fn in_event(&self, json: &str) -> bool {
        self.person.json_without(json).is_some()
    }
}

/// What an archived mail is without people who were erased after it was sent.
pub(crate) enum Without {
    /// It names none of them.
    Same,
    /// It comes back without them.
    Cleaned(Box<CleanedMail>),
    /// It went to nobody else, and stays away.
    Nobody,
}

/// The parts of [`RestoredMail`] that may name somebody.
pub(crate) struct CleanedMail {
    mail: String,
    events: String,
    folded: String,
    recipients: String,
    removed: String,
    body: Option<String>,
}

impl CleanedMail {
    /// The mail with these parts.
    pub(crate) fn of<'a>(&'a self, line: &RestoredMail<'a>) -> RestoredMail<'a> {
        RestoredMail {
            mail: &self.mail,
            events: &self.events,
            folded: &self.folded,
            recipients: &self.recipients,
            removed: &self.removed,
            body: self.body.as_deref(),
            ..*line
        }
    }
}

/// All addresses that archived mails may name.
pub(crate) fn addresses_in_mails<'a>(mails: impl Iterator<Item = RestoredMail<'a>>) -> BTreeSet<String> {
    mails.flat_map(|mail| texts(&mail).flat_map(addresses_in_json).collect::<Vec<_>>()).collect()
}

/// The mail without people who were erased after it was sent. Whoever wrote to them later has the address anew.
pub(crate) fn without_erased(
    mail: &RestoredMail<'_>,
    erased: &[ErasedPerson],
) -> Result<Without, serde_json::Error> {
    if !erased.iter().any(|erased| is_in(mail, &erased.person)) {
        return Ok(Without::Same);
    }
    let mut parts = Parts::read(mail)?;
    let sent_at = parts.sent_at();
    let mut is_changed = false;
    for ErasedPerson { person, erased_at, .. } in erased {
        if sent_at.is_none_or(|sent_at| sent_at <= *erased_at) {
            if parts.is_alone(person) {
                return Ok(Without::Nobody);
            }
            is_changed |= parts.clean(person)?;
        }
    }
    Ok(if is_changed { Without::Cleaned(Box::new(parts.written()?)) } else { Without::Same })
}

fn texts<'a>(mail: &RestoredMail<'a>) -> impl Iterator<Item = &'a str> {
    [
        Some(mail.mail),
        Some(mail.events),
        Some(mail.folded),
        Some(mail.recipients),
        Some(mail.removed),
        mail.body,
    ]
    .into_iter()
    .flatten()
}

fn is_in(mail: &RestoredMail<'_>, person: &Person) -> bool {
    texts(mail).any(|text| person.may_be_in(text) && person.json_without(text).is_some())
}

/// A line that was taken apart.
struct Parts {
    mail: Fields,
    events: Vec<Fields>,
    folded: Vec<Fields>,
    recipients: Vec<Fields>,
    removed: Vec<Fields>,
    body: Option<String>,
}

impl Parts {
    fn read(line: &RestoredMail<'_>) -> Result<Self, serde_json::Error> {
        Ok(Self {
            mail: serde_json::from_str(line.mail)?,
            events: serde_json::from_str(line.events)?,
            folded: serde_json::from_str(line.folded)?,
            recipients: serde_json::from_str(line.recipients)?,
            removed: serde_json::from_str(line.removed)?,
            body: line.body.map(str::to_owned),
        })
    }

    fn written(&self) -> Result<CleanedMail, serde_json::Error> {
        Ok(CleanedMail {
            mail: serde_json::to_string(&self.mail)?,
            events: serde_json::to_string(&self.events)?,
            folded: serde_json::to_string(&self.folded)?,
            recipients: serde_json::to_string(&self.recipients)?,
            removed: serde_json::to_string(&self.removed)?,
            body: self.body.clone(),
        })
    }

    /// Nothing where it is `infinity`, or no time at all.
    fn sent_at(&self) -> Option<Timestamp> {
        text(&self.mail, "sent_at")?.parse().ok()
    }

    fn is_alone(&self, person: &Person) -> bool {
        let listed = |row: &Fields| row.get("listed").is_none_or(|listed| listed.get() != "false");
        let recipients: Vec<(String, bool)> =
            self.recipients.iter().filter_map(|row| Some((text(row, "address")?, listed(row)))).collect();
        person.has_alone(&text(&self.mail, "to").unwrap_or_default(), &recipients)
    }

    /// Takes the person out of all columns, an application's too, and says whether any named the person.
    fn clean(&mut self, person: &Person) -> Result<bool, serde_json::Error> {
        let aws_message_id = text(&self.mail, "aws_message_id");
        let mut is_changed = false;
        for event in &mut self.events {
            // Asked before its JSON changes: which occurrence an application's row is.
            let fingerprint = match (text(event, "aftersend_fingerprint"), event.get("event_data")) {
                (None, Some(json)) => {
                    let event_type = text(event, "event_type").unwrap_or_default();
                    fingerprint_of(&event_type, json.get(), aws_message_id.as_deref())
                }
                _ => None,
            };
            if clean_row(event, person)? {
                is_changed = true;
                if let Some(fingerprint) = fingerprint {
                    event.insert("aftersend_fingerprint".to_owned(), raw(&fingerprint)?);
                }
            }
        }
        for row in std::iter::once(&mut self.mail).chain(&mut self.folded).chain(&mut self.removed) {
            is_changed |= clean_row(row, person)?;
        }
        if self
            .recipients
            .iter_mut()
            .try_fold(false, |any, row| Ok::<_, serde_json::Error>(clean_row(row, person)? | any))?
        {
            is_changed = true;
            self.recipients = united(std::mem::take(&mut self.recipients));
        }
        if let Some(without) = self.body.as_deref().and_then(|body| person.without(body)) {
            self.body = Some(without);
            is_changed = true;
        }
        Ok(is_changed)
    }
}

/// Rows of one address each: what had two names of one person, has one now.
fn united(rows: Vec<Fields>) -> Vec<Fields> {
    let mut by_address: BTreeMap<Option<String>, Fields> = BTreeMap::new();
    for row in rows {
        match by_address.entry(text(&row, "address")) {
            std::collections::btree_map::Entry::Vacant(vacant) => drop(vacant.insert(row)),
            std::collections::btree_map::Entry::Occupied(mut held) => {
                for (name, value) in row {
                    let mine = held.get().get(&name).map_or("null", |mine| mine.get());
                    // The earliest of times, spelled alike; what is listed for either is listed.
                    let is_better = match (mine, value.get()) {
                        (_, "null" | "false") => false,
                        ("null" | "false", _) => true,
                        (mine, other) => other.cmp(mine) == Ordering::Less,
                    };
                    if is_better {
                        held.get_mut().insert(name, value);
                    }
                }
            }
        }
    }
    by_address.into_values().collect()
}

fn clean_row(row: &mut Fields, person: &Person) -> Result<bool, serde_json::Error> {
    let mut is_changed = false;
    for value in row.values_mut() {
        let words = value.get();
        if !person.may_be_in(words) {
            continue;
        }
        let without = match words.as_bytes().first() {
            Some(b'"') => {
                let text: String = serde_json::from_str(words)?;
                person.without(&text).map(|text| raw(&text)).transpose()?
            }
            Some(b'{' | b'[') => person.json_without(words).map(RawValue::from_string).transpose()?,
            _ => None,
        };
        if let Some(without) = without {
            *value = without;
            is_changed = true;
        }
    }
    Ok(is_changed)
}

fn text(row: &Fields, name: &str) -> Option<String> {
    serde_json::from_str(row.get(name)?.get()).ok()?
}

fn raw(value: &impl serde::Serialize) -> Result<Box<RawValue>, serde_json::Error> {
    serde_json::value::to_raw_value(value)
}

impl Person {
    /// Whether a mail went to nobody else. Who is erased already is nobody else.
    pub(super) fn has_alone(&self, to: &str, recipients: &[(String, bool)]) -> bool {
        let is_to = aftersend_event::normalise_address(to) == self.address;
        let is_persons = |address: &str| address == self.address || address == self.pseudonym;
        let mut listed = recipients.iter().filter(|(_, listed)| *listed).peekable();
        if listed.peek().is_none() {
            return is_to;
        }
        let mut has_person = is_to;
        for (address, _) in listed {
            if is_persons(address) {
                has_person = true;
            } else if !is_pseudonym(address) {
                return false;
            }
        }
        has_person
    }
}

/// Turns the tombstones of archived mails into those of erased ones, and drops what is late of them. Says how many mails were
/// not erased before.
pub(crate) async fn forget_archived(
    store: &Store,
    transaction: &Transaction<'_>,
    mails: &[ErasedMail],
) -> Result<u64, IngestError> {
    let ids = mails.iter().flat_map(|mail| mail.aws_message_ids.iter().map(|id| (id.as_str(), mail.uuid)));
    let (ids, of_ids): (Vec<&str>, Vec<Uuid>) = ids.unzip();
    let uuids: Vec<Uuid> = mails.iter().map(|mail| mail.uuid).collect();
    let bury = transaction.prepare_cached(store.sql(Statement::BuryArchivedOfPerson)).await?;
    let rows = transaction.query(&bury, &[&ids, &of_ids, &uuids]).await?;
    let buried: BTreeSet<Uuid> =
        rows.iter().map(|row| row.try_get(0)).collect::<Result<_, tokio_postgres::Error>>()?;
    let forget = transaction.prepare_cached(store.sql(Statement::ForgetLateOfPerson)).await?;
    transaction.execute(&forget, &[&uuids]).await?;
    Ok(buried.len() as u64)
}
