//! Whether the archive has all that it should have: everything is read, and compared with its manifests and with what the
//! database has written down.

use std::collections::{BTreeMap, BTreeSet};

use aftersend_store::{ArchiveObject, ObjectKind, ObjectState, Store};

use crate::{
    ArchiveError, ArchivePlace,
    format::{LINES_ENDING, MANIFEST_ENDING, MailPart, unhex},
    objects::{Found, Whole, fetch},
    run::stems,
};

/// Objects that are asked for at once.
const PAGE_OBJECTS: u32 = 1_000;

/// What is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The database says that it is there, and it is not.
    Missing,
    /// It is not what its manifest says.
    Damaged(String),
    /// It is whole, and not what the database has written down.
    Differs(String),
    /// It is whole, and the database does not know it: another one's, or one from before this database.
    Unknown,
    /// It was begun and never proven: the next run removes it, where this database began it.
    Unfinished,
    /// It is no object of an archive.
    Foreign,
}

impl Fault {
    /// Whether mails may be lost by it. What is unfinished, foreign or unknown harms nobody.
    pub fn is_harmful(&self) -> bool {
        matches!(self, Self::Missing | Self::Damaged(_) | Self::Differs(_))
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Objects that are whole.
    pub objects: u64,
    /// Mails in them.
    pub mails: u64,
    /// Events in them.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong, by name.
    pub faults: BTreeMap<String, Fault>,
}

impl VerifyReport {
    /// Whether the archive has all that the database counts on.
    pub fn holds(&self) -> bool {
        !self.faults.values().any(Fault::is_harmful)
    }
}

/// Reads every object there is, and compares. `watch` hears of each object by its number and how many there are.
///
/// # Errors
///
/// When the storage or the database fails. What is wrong with objects is no error.
pub async fn verify(
    store: &Store,
    place: &ArchivePlace,
    watch: &(dyn Fn(u64, u64) + Sync),
) -> Result<VerifyReport, ArchiveError> {
    // The database first: what is proven after this was written before the list is made.
    let mut known: BTreeMap<String, ArchiveObject> = BTreeMap::new();
    let mut before = None;
    loop {
        let page = store.archive_objects(before, PAGE_OBJECTS).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.number);
        known.extend(page.into_iter().map(|object| (object.name.clone(), object)));
    }
    let names = place.list().await?;
    let there = stems(&names);
    let mut report = VerifyReport::default();
    for name in &names {
        let is_ours = [LINES_ENDING, MANIFEST_ENDING].iter().any(|ending| name.ends_with(ending));
        if !is_ours {
            report.faults.insert(name.clone(), Fault::Foreign);
        }
    }
    for (place_in_line, name) in there.iter().enumerate() {
        watch(place_in_line as u64, there.len() as u64);
        if let Some(fault) = look_at(store, place, name, known.get(*name), &mut report).await? {
            report.faults.insert((*name).to_owned(), fault);
        }
    }
    let missing: BTreeSet<&String> = known
        .values()
        .filter(|object| matches!(object.state, ObjectState::Verified | ObjectState::Deleted))
        .map(|object| &object.name)
        .filter(|name| !there.contains(name.as_str()))
        .collect();
    report.faults.extend(missing.into_iter().map(|name| (name.clone(), Fault::Missing)));
    Ok(report)
}

async fn look_at(
    store: &Store,
    place: &ArchivePlace,
    name: &str,
    known: Option<&ArchiveObject>,
    report: &mut VerifyReport,
) -> Result<Option<Fault>, ArchiveError> {
    let is_counted_on =
        known.is_some_and(|object| matches!(object.state, ObjectState::Verified | ObjectState::Deleted));
    let whole = match fetch(place, name).await? {
        Found::Whole(whole) => whole,
        Found::NoManifest | Found::NoLines if is_counted_on => return Ok(Some(Fault::Missing)),
        Found::NoManifest => return Ok(Some(Fault::Unfinished)),
        Found::NoLines => return Ok(Some(Fault::Damaged("its lines are not there".to_owned()))),
        Found::Damaged(reason) => return Ok(Some(Fault::Damaged(reason))),
    };
    report.objects += 1;
    report.mails += whole.manifest.mails;
    report.events += whole.manifest.events;
    report.bytes += whole.manifest.bytes;
    let Some(object) = known else { return Ok(Some(Fault::Unknown)) };
    if !is_counted_on {
        return Ok(Some(Fault::Unfinished));
    }
    if object.facts.as_ref().is_some_and(|facts| *facts != whole.manifest.facts()) {
        let reason = "its manifest and the database have written down different things of it";
        return Ok(Some(Fault::Differs(reason.to_owned())));
    }
    if whole.kind == ObjectKind::Mails {
        return lacks(store, object.number, &whole).await;
    }
    Ok(None)
}

/// Whether it has each mail that the database counts on, as it went there.
async fn lacks(store: &Store, number: i64, whole: &Whole) -> Result<Option<Fault>, ArchiveError> {
    let mut counted_on = store.archived_in(number).await?;
    for line in &whole.lines {
        let part: MailPart<'_> = serde_json::from_str(line)
            .map_err(|error| ArchiveError::damaged(&whole.manifest.name, error.to_string()))?;
        if counted_on.get(&part.uuid).is_some_and(|digest| unhex(&part.digest).as_ref() == Some(digest)) {
            counted_on.remove(&part.uuid);
        }
    }
    Ok(match counted_on.len() {
        0 => None,
        lacking => Some(Fault::Differs(format!("{lacking} mails that the database counts on are not in it"))),
    })
}
