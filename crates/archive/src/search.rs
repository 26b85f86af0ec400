//! Which objects hold a person. There is no list of recipients: all objects are read, one after the other, line by line.

use std::{collections::BTreeMap, time::Duration};

use aftersend_store::{ArchiveSearch, ErasedMail, NamedAs, ObjectKind, RunLock, Store};

use crate::{
    ArchiveError, ArchivePlace,
    format::{LINES_ENDING, MANIFEST_ENDING, MailPart, Manifest, read_lines},
    objects::late,
    run::stems,
};

/// For how long to wait for a run that is at work: it may be writing what was read before the person was erased.
const RUN_PATIENCE: Duration = Duration::from_mins(1);

/// How long to wait before asking again.
const RUN_PAUSE: Duration = Duration::from_millis(250);

/// What an object holds of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Mails that name the person.
    pub mails: u64,
    /// Those of them that went to the person alone.
    pub alone: u64,
    /// Late events that name the person.
    pub late_events: u64,
}

/// What was found of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// Objects that were read whole.
    pub objects: u64,
    /// What holds the person, by the object's name.
    pub holding: BTreeMap<String, Holding>,
    /// Objects that could not be read, or not whole, and why: they may hold the person.
    pub unread: BTreeMap<String, String>,
    /// Mails whose tombstones say from now on that they were erased.
    pub erased: u64,
    /// A run was at work all the while, and may have written more: the search is to be done again.
    pub is_beside_run: bool,
}

/// What one object told.
#[derive(Default)]
struct Told {
    holding: Holding,
    alone: Vec<ErasedMail>,
}

/// Looks through all objects for a person, after [`Store::erase`] has been through the database. Archived mails that went to
/// the person alone get tombstones that say so, so that nothing brings them back; `is_dry` leaves these as they are.
///
/// Objects stay as they are. One object's bytes, compressed, and one of its lines are held in memory at a time. `watch` hears
/// of each object by its number and how many there are.
///
/// # Errors
///
/// When the list of objects can't be read, or the database fails. An object that can't be read is no error.
pub async fn search(
    store: &Store,
    place: &ArchivePlace,
    address: &str,
    is_dry: bool,
    watch: &(dyn Fn(u64, u64) + Sync),
) -> Result<Searched, ArchiveError> {
    let person = store.archive_search(address).await?;
    let mut searched = Searched::default();
    // Whoever runs later reads mails that do not name the person any more.
    let lock = wait_for_runs(store).await?;
    searched.is_beside_run = lock.is_none();
    let names = place.list().await?;
    let stems = stems(&names);
    for (number, name) in stems.iter().enumerate() {
        watch(number as u64, stems.len() as u64);
        match look_into(place, name, &person).await {
            Ok(told) => {
                searched.objects += 1;
                if !is_dry {
                    searched.erased += store.erase_archived(&told.alone).await?;
                }
                if told.holding != Holding::default() {
                    searched.holding.insert((*name).to_owned(), told.holding);
                }
            }
            Err(reason) => drop(searched.unread.insert((*name).to_owned(), reason)),
        }
    }
    if let Some(lock) = lock {
        lock.release().await;
    }
    Ok(searched)
}

/// The archiver's lock, unless a run keeps it for long.
async fn wait_for_runs(store: &Store) -> Result<Option<RunLock>, ArchiveError> {
    let waiting = async {
        loop {
            if let Some(lock) = store.lock_archive().await? {
                return Ok(lock);
            }
            tokio::time::sleep(RUN_PAUSE).await;
        }
    };
    tokio::time::timeout(RUN_PATIENCE, waiting).await.ok().transpose()
}

async fn look_into(place: &ArchivePlace, name: &str, person: &ArchiveSearch) -> Result<Told, String> {
    let get =
        async |ending: &str| place.get(&format!("{name}{ending}")).await.map_err(|error| error.to_string());
    let manifest = get(MANIFEST_ENDING).await?.ok_or("it was never finished; the next run removes it")?;
    let manifest = Manifest::read(&manifest)?;
    let kind = manifest.kind()?;
    let bytes = get(LINES_ENDING).await?.ok_or("its lines are not there")?;
    let (name, person) = (name.to_owned(), person.clone());
    let read = tokio::task::spawn_blocking(move || {
        let mut told = Told::default();
        read_lines(&bytes, &manifest, |line| match kind {
            ObjectKind::Mails => told.mail(line, &person),
            ObjectKind::Late => told.late_event(line, &name, &person),
        })?;
        Ok(told)
    });
    read.await.unwrap_or_else(|error| Err(format!("reading it ended early: {error}")))
}

impl Told {
    fn mail(&mut self, line: &str, person: &ArchiveSearch) -> Result<(), String> {
        if !person.may_be_in(line) {
            return Ok(());
        }
        let mail: MailPart<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let named = person.in_mail(&mail.restored(0, &[])).map_err(|error| error.to_string())?;
        self.holding.mails += u64::from(named.is_some());
        if named == Some(NamedAs::Alone) {
            self.holding.alone += 1;
            let aws_message_ids = mail.aws_message_ids().map_err(|error| error.to_string())?;
            self.alone.push(ErasedMail { uuid: mail.uuid, aws_message_ids });
        }
        Ok(())
    }

    fn late_event(&mut self, line: &str, name: &str, person: &ArchiveSearch) -> Result<(), String> {
        if person.may_be_in(line) {
            let event = late(line, name).map_err(|error| error.to_string())?;
            self.holding.late_events += u64::from(person.in_event(&event.event_data));
        }
        Ok(())
    }
}
