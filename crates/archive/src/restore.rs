//! Mails come back: the newest objects first, so that of a mail that went more than once the last is what it becomes, and
//! late events after all mails.

use std::collections::{BTreeSet, HashSet};

use aftersend_store::{
    IngestError, LATE_PAGE_MAX, LateEvent, ObjectKind, RESTORED_MAILS_MAX, RestoreReport, RestoredMail, Store,
};
use uuid::Uuid;

use crate::{
    ArchiveError, ArchivePlace,
    format::{MailPart, unhex},
    objects::{Found, Whole, fetch, late},
    run::stems,
};

/// Bytes of lines that are brought back in one transaction at most, but for a single mail that has more.
const PART_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How often a transaction is tried again that another one got in the way of.
const TRIES_MAX: u32 = 40;

/// How long to wait before that.
const TRY_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

/// Which mails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// All there are.
    #[default]
    All,
    /// Those with these ids: our uuids, applications' message ids or SES ids.
    Ids(BTreeSet<String>),
}

/// What a restore did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Objects that were read.
    pub objects: u64,
    /// What became of their mails.
    pub mails: RestoreReport,
    /// Late events that were stored with their mails.
    pub late_events: usize,
    /// Objects that are damaged or not whole, which were left out, and why.
    pub damaged: Vec<(String, String)>,
    /// Of the ids that were asked for, those that no object has.
    pub not_found: BTreeSet<String>,
}

/// How far a restore is: objects done, all objects, and mails that are back.
pub type RestoreWatch<'a> = &'a (dyn Fn(u64, u64, u64) + Sync);

/// Brings mails back, as they went. It may be done again, ended early and begun anew: what is here stays.
///
/// # Errors
///
/// When the storage or the database fails. What was brought back is here.
pub async fn restore(
    store: &Store,
    place: &ArchivePlace,
    wanted: &Wanted,
    watch: RestoreWatch<'_>,
) -> Result<Restored, ArchiveError> {
    let names = names(store, place, wanted).await?;
    let mut work = Work {
        store,
        place,
        wanted,
        uuids: HashSet::new(),
        found: BTreeSet::new(),
        done: Restored::default(),
    };
    let total = names.len() as u64;
    let mut late_objects = Vec::new();
    for (number, name) in names.iter().rev().enumerate() {
        watch(number as u64, total, work.done.mails.restored as u64);
        match fetch(place, name).await? {
            Found::Whole(whole) if whole.kind == ObjectKind::Mails => work.mails(*whole).await?,
            // Read again when the mails are back: they may be large, and are few.
            Found::Whole(whole) => late_objects.push(whole.manifest.name),
            Found::NoManifest => work.leave_out(name, "it was never finished"),
            Found::NoLines => work.leave_out(name, "its lines are not there"),
            Found::Damaged(reason) => work.leave_out(name, &reason),
        }
    }
    for name in late_objects.iter().rev() {
        work.late_events(name).await?;
    }
    work.done.late_events += again(|| store.join_waiting()).await?;
    if let Wanted::Ids(ids) = wanted {
        work.done.not_found = ids.difference(&work.found).cloned().collect();
    }
    Ok(work.done)
}

/// The objects to read: where only some mails are wanted and the database knows them, those that have them.
async fn names(store: &Store, place: &ArchivePlace, wanted: &Wanted) -> Result<Vec<String>, ArchiveError> {
    if let Wanted::Ids(ids) = wanted {
        let mut uuids = Vec::new();
        for id in ids {
            uuids.extend(store.find_archived(id).await?.and_then(|mail| mail.uuid));
        }
        if uuids.len() == ids.len() {
            let names = store.archive_objects_with(&uuids).await?;
            if !names.is_empty() {
                return Ok(names);
            }
        }
    }
    let names = place.list().await?;
    Ok(stems(&names).into_iter().map(str::to_owned).collect())
}

struct Work<'a> {
    store: &'a Store,
    place: &'a ArchivePlace,
    wanted: &'a Wanted,
    /// Mails that were wanted and found.
    uuids: HashSet<Uuid>,
    /// Ids that were wanted and found.
    found: BTreeSet<String>,
    done: Restored,
}

impl Work<'_> {
    fn leave_out(&mut self, name: &str, reason: &str) {
        self.done.damaged.push((name.to_owned(), reason.to_owned()));
    }

    async fn mails(&mut self, whole: Whole) -> Result<(), ArchiveError> {
        self.done.objects += 1;
        let name = &whole.manifest.name;
        let (kind, facts) = (whole.kind, whole.manifest.facts());
        let object = again(|| self.store.adopt_archive_object(name, kind, &facts)).await?;
        let mut part: Vec<MailPart<'_>> = Vec::new();
        let mut bytes = 0;
        for line in &whole.lines {
            let mail: MailPart<'_> =
                serde_json::from_str(line).map_err(|error| ArchiveError::damaged(name, error.to_string()))?;
            if !self.wants(&mail, name)? {
                continue;
            }
            if part.len() >= RESTORED_MAILS_MAX || (bytes + line.len() > PART_BYTES_MAX && !part.is_empty()) {
                self.bring_back(object, &part).await?;
                part.clear();
                bytes = 0;
            }
            bytes += line.len();
            part.push(mail);
        }
        self.bring_back(object, &part).await
    }

    fn wants(&mut self, mail: &MailPart<'_>, name: &str) -> Result<bool, ArchiveError> {
        let Wanted::Ids(wanted) = self.wanted else { return Ok(true) };
        let damaged = |error: serde_json::Error| ArchiveError::damaged(name, error.to_string());
        let own = mail.own_ids().map_err(damaged)?;
        let ids = [own.message_id, mail.uuid.to_string()];
        let ids = ids.into_iter().chain(mail.aws_message_ids().map_err(damaged)?);
        let found: Vec<String> = ids.filter(|id| wanted.contains(id)).collect();
        let is_wanted = !found.is_empty();
        self.found.extend(found);
        self.uuids.extend(is_wanted.then_some(mail.uuid));
        Ok(is_wanted)
    }

    async fn bring_back(&mut self, object: i64, part: &[MailPart<'_>]) -> Result<(), ArchiveError> {
        if part.is_empty() {
            return Ok(());
        }
        let digests: Vec<Vec<u8>> = part.iter().map(|mail| unhex(&mail.digest).unwrap_or_default()).collect();
        let mails: Vec<RestoredMail<'_>> =
            part.iter().zip(&digests).map(|(mail, digest)| mail.restored(object, digest)).collect();
        self.done.mails += again(|| self.store.restore_mails(&mails)).await?;
        Ok(())
    }

    async fn late_events(&mut self, name: &str) -> Result<(), ArchiveError> {
        self.done.objects += 1;
        let Found::Whole(whole) = fetch(self.place, name).await? else {
            return Err(ArchiveError::damaged(name, "it has changed while it was read"));
        };
        let mut part: Vec<LateEvent> = Vec::new();
        for line in &whole.lines {
            let event = late(line, name)?;
            if *self.wanted == Wanted::All || self.uuids.contains(&event.mail) {
                part.push(event);
            }
            if part.len() >= LATE_PAGE_MAX {
                self.done.late_events += again(|| self.store.join_late(&part)).await?;
                part.clear();
            }
        }
        if !part.is_empty() {
            self.done.late_events += again(|| self.store.join_late(&part)).await?;
        }
        Ok(())
    }
}

async fn again<T, F>(work: impl Fn() -> F) -> Result<T, IngestError>
where
    F: Future<Output = Result<T, IngestError>>,
{
    let mut tries = 0;
    loop {
        match work().await {
            Err(IngestError::Repeat(_)) if tries < TRIES_MAX => {
                tries += 1;
                tokio::time::sleep(TRY_PAUSE).await;
            }
            done => return done,
        }
    }
}
