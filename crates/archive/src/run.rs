//! A run: what is old enough goes to the archive and, if that is wanted, leaves the database.
//!
//! The order is what makes it safe, whoever is killed when, and however many run at once:
//!
//! 1. An object is written down in the database before its first byte is sent.
//! 2. Its lines are sent, and read back: checksum, decompression, every line. Then its manifest, and that is read back.
//! 3. The database writes down that the object is proven, and which mails it has, if nobody gave it up meanwhile.
//! 4. Mails leave the database in batches, each in one transaction that looks again whether they are as they went.
//!
//! While anything is on its way to or from the storage, no transaction is open. An object that was begun and not proven is
//! removed by a later run.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use aftersend_store::{
    Candidate, CandidateCursor, CandidatePage, IngestError, LINES_MAX, LateEvent, ObjectKind, ProvenMail,
    RemoveReport, RunLock, RunSums, RunWalk, Store, schema::Step,
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    ArchiveError, ArchivePlace,
    format::{LINES_ENDING, Lines, MANIFEST_ENDING, Manifest, read_lines},
};

/// Mails of one object at most.
pub const OBJECT_MAILS_MAX: u64 = 10_000;

/// Bytes of the lines of one object at most, but for a single mail that has more.
pub const OBJECT_CONTENT_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Bytes of bodies that are read from the database at once at most, but for a single mail that has more.
const READ_BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How often a transaction is tried again that another one got in the way of.
const TRIES_MAX: u32 = 40;

/// How long to wait before that.
const TRY_PAUSE: Duration = Duration::from_millis(250);

/// How long to wait at most between two batches of mails that leave, as long as the last one took: others want to work, too.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// For how long to wait for another archiver: the session of one that was ended a moment ago may still hold the lock.
const ELSEWHERE_PATIENCE: Duration = Duration::from_secs(3);

/// What a run is asked for.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// Mails that were sent before this are archived.
    pub before: Timestamp,
    /// Whether they leave the database once they are in a proven object.
    pub delete_archived: bool,
    /// Mails of one object at most.
    pub object_mails_max: u64,
    /// Bytes of the lines of one object at most.
    pub object_content_bytes_max: u64,
    /// Whether all mails are gone through, also those that earlier runs have been at: for what an application has changed
    /// without a word. A run does so by itself when the last one to do it was a week ago.
    pub whole: bool,
}

impl RunOptions {
    /// What was sent before a time, in objects of the usual size; nothing leaves the database.
    pub fn before(before: Timestamp) -> Self {
        Self {
            before,
            delete_archived: false,
            object_mails_max: OBJECT_MAILS_MAX,
            object_content_bytes_max: OBJECT_CONTENT_BYTES_MAX,
            whole: false,
        }
    }
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunReport {
    /// Another archiver is at work on this schema, so this one did nothing.
    pub is_elsewhere: bool,
    /// What is in the archive now that was not.
    pub sums: RunSums,
    /// What left the database.
    pub removed: RemoveReport,
    /// Objects that earlier runs had begun and never proven, and that are gone now.
    pub cleared: u64,
    /// Late events that were stored with their mails, since these are here again.
    pub joined: usize,
    /// Mails that were looked at.
    pub looked_at: u64,
}

/// How far a run is, for who watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunProgress {
    /// Mails in proven objects.
    pub mails: u64,
    /// Mails that left the database.
    pub removed: u64,
    /// Bytes of proven objects.
    pub bytes: u64,
    /// When the last mail was sent that was looked at.
    pub sent_at: Option<Timestamp>,
}

/// Archives what is old enough. One at a time over all processes; a second one says so and does nothing.
///
/// Cancel-safe: what is proven is in the archive, what was begun is cleared away by the next run. Dropped, it can't write down
/// how it ended: the job that it runs under does, as it ends.
///
/// # Errors
///
/// When the storage or the database fails. What was done is written down; no mail has left the database that is not in a
/// proven object.
pub async fn run(
    store: &Store,
    place: &ArchivePlace,
    options: RunOptions,
    watch: &(dyn Fn(RunProgress) + Sync),
) -> Result<RunReport, ArchiveError> {
    let Some(lock) = lock(store).await? else {
        return Ok(RunReport { is_elsewhere: true, ..RunReport::default() });
    };
    let number = store.begin_archive_run(place.shown()).await?;
    let mut run =
        Run { store, place, options, watch, number, report: RunReport::default(), sent_at: None, walk: None };
    let result = run.work().await;
    let sums = run.report.sums;
    let failure = result.as_ref().err().map(ToString::to_string);
    let walk = run.walk.filter(|_| result.is_ok());
    let ended = store.end_archive_run(number, &sums, failure.as_deref(), walk).await;
    lock.release().await;
    result?;
    ended?;
    Ok(run.report)
}

/// The archiver's lock, unless another one keeps it.
async fn lock(store: &Store) -> Result<Option<RunLock>, IngestError> {
    let began = Instant::now();
    loop {
        let lock = store.lock_archive().await?;
        if lock.is_some() || began.elapsed() >= ELSEWHERE_PATIENCE {
            return Ok(lock);
        }
        tokio::time::sleep(TRY_PAUSE).await;
    }
}

struct Run<'a> {
    store: &'a Store,
    place: &'a ArchivePlace,
    options: RunOptions,
    watch: &'a (dyn Fn(RunProgress) + Sync),
    number: i64,
    report: RunReport,
    sent_at: Option<Timestamp>,
    /// Which mails were gone through, once they were.
    walk: Option<RunWalk>,
}

/// An object on its way.
struct Begun {
    number: i64,
    name: String,
    at: Timestamp,
}

/// Mails of an object that is being filled.
struct Filling {
    lines: Lines,
    mails: Vec<ProvenMail>,
}

impl Run<'_> {
    async fn work(&mut self) -> Result<(), ArchiveError> {
        self.clear_leftovers().await?;
        self.report.joined = self.again(|| self.store.join_waiting()).await?;
        self.archive_late().await?;
        self.archive_mails().await?;
        if self.options.delete_archived {
            self.remove_archived().await?;
        }
        Ok(())
    }

    fn tell(&self) {
        (self.watch)(RunProgress {
            mails: self.report.sums.mails,
            removed: self.report.removed.removed as u64,
            bytes: self.report.sums.bytes,
            sent_at: self.sent_at,
        });
    }

    /// Writes down how far it is. Best effort: the end says it again, and whoever is stopped or killed before that is told of
    /// as far as it was written down.
    async fn note(&self) {
        if let Err(error) = self.store.note_archive_run(self.number, &self.report.sums).await {
            tracing::debug!(%error, "how far the archiver is could not be written down");
        }
    }

    /// Does something with the database again while another transaction is in the way.
    async fn again<T, F>(&self, work: impl Fn() -> F) -> Result<T, IngestError>
    where
        F: Future<Output = Result<T, IngestError>>,
    {
        let mut tries = 0;
        loop {
            match work().await {
                Err(IngestError::Repeat(reason)) if tries < TRIES_MAX => {
                    tries += 1;
                    tracing::debug!(reason, "the archiver tries again");
                    tokio::time::sleep(TRY_PAUSE).await;
                }
                done => return done,
            }
        }
    }

    /// Removes what earlier runs have begun and never proven. Nothing of it counts for anybody, and its mails are here.
    async fn clear_leftovers(&mut self) -> Result<(), ArchiveError> {
        let mut after = 0;
        loop {
            let leftovers = self.store.archive_leftovers(after).await?;
            let Some(last) = leftovers.last() else { return Ok(()) };
            after = last.number;
            for leftover in &leftovers {
                // From here on nobody can prove it, even where somebody is still at it.
                if self.again(|| self.store.abandon_archive_object(leftover.number)).await? {
                    self.remove_object(&leftover.name).await?;
                    self.again(|| self.store.forget_archive_object(leftover.number)).await?;
                    self.report.cleared += 1;
                }
            }
        }
    }

    /// The manifest first: lines without one count for nothing.
    async fn remove_object(&self, name: &str) -> Result<(), ArchiveError> {
        self.place.remove(&format!("{name}{MANIFEST_ENDING}")).await?;
        self.place.remove(&format!("{name}{LINES_ENDING}")).await
    }

    async fn archive_late(&mut self) -> Result<(), ArchiveError> {
        let mut after: Option<(Uuid, Uuid)> = None;
        loop {
            let mut lines = lines(ObjectKind::Late)?;
            let mut taken: Vec<(Uuid, Uuid)> = Vec::new();
            let mut last_mail = None;
            while !self.is_full(&lines) {
                let page: Vec<LateEvent> = self.store.late_events(after).await?;
                let Some(last) = page.last() else { break };
                after = Some((last.mail, last.record));
                for late in &page {
                    let is_new_mail = last_mail.replace(late.mail) != Some(late.mail);
                    lines.push_late(late, is_new_mail).map_err(|error| unwritable(&error))?;
                    taken.push((late.mail, late.record));
                }
            }
            if taken.is_empty() {
                return Ok(());
            }
            let begun = self.begin(ObjectKind::Late).await?;
            let manifest = self.send(&begun, lines).await?;
            let facts = manifest.facts();
            let is_proven = self.again(|| self.store.prove_late_object(begun.number, &facts, &taken)).await?;
            self.count(&begun, &manifest, is_proven)?;
            self.report.sums.late_events += manifest.events;
            self.note().await;
        }
    }

    /// Goes through what earlier runs have not been at: mails that have come of age, were made late or have changed since. Now
    /// and then through all of them.
    async fn archive_mails(&mut self) -> Result<(), ArchiveError> {
        let before = self.options.before;
        let walked = if self.options.whole { None } else { self.store.archive_walked().await? };
        let mut filling: Option<Filling> = None;
        if let Some(walked) = walked {
            let below = walked.below.min(before);
            let mut after = walked.made_after;
            loop {
                let page = self.store.archive_made(below, after).await?;
                self.take(&page, &mut filling).await?;
                let Some(next) = page.next else { break };
                after = next.uuid;
            }
            let mut after = Uuid::nil();
            loop {
                let page = self.store.archive_changed(below, after).await?;
                self.take(&page, &mut filling).await?;
                if !page.gone.is_empty() {
                    self.again(|| self.store.forget_changes(&page.gone)).await?;
                }
                let Some(next) = page.next else { break };
                after = next.uuid;
            }
        }
        let mut cursor = walked.map(|walked| CandidateCursor { sent_at: walked.below, uuid: Uuid::nil() });
        loop {
            let page = self.store.archive_candidates(before, cursor).await?;
            self.take(&page, &mut filling).await?;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        if let Some(rest) = filling {
            self.finish(rest).await?;
        }
        self.walk = Some(RunWalk { below: before, is_whole: walked.is_none() });
        Ok(())
    }

    /// Reads the mails of a page that are due, and puts them into objects.
    async fn take(
        &mut self,
        page: &CandidatePage,
        filling: &mut Option<Filling>,
    ) -> Result<(), ArchiveError> {
        self.report.looked_at += page.looked_at as u64;
        for group in groups(&page.due) {
            let mails: Vec<Uuid> = group.iter().map(|candidate| candidate.uuid).collect();
            let read = self.store.mail_lines(&mails).await?;
            // They stay here, and the others need not wait for somebody to mend them.
            let sums = &mut self.report.sums;
            sums.unreadable_mails += read.unreadable.len() as u64;
            sums.first_unreadable = sums.first_unreadable.or(read.unreadable.first().copied());
            if !read.unreadable.is_empty() {
                self.note().await;
            }
            for line in read.lines {
                let part = match &mut *filling {
                    Some(filling) => filling,
                    empty => empty.insert(Filling { lines: lines(ObjectKind::Mails)?, mails: Vec::new() }),
                };
                part.lines.push_mail(&line).map_err(|error| unwritable(&error))?;
                part.mails.push(ProvenMail::from(&line));
                if let Some(full) = filling.take_if(|filling| self.is_full(&filling.lines)) {
                    self.finish(full).await?;
                }
            }
            self.sent_at = group.last().map(|candidate| candidate.sent_at);
        }
        Ok(())
    }

    fn is_full(&self, lines: &Lines) -> bool {
        lines.mails >= self.options.object_mails_max
            || lines.content_bytes >= self.options.object_content_bytes_max
    }

    async fn finish(&mut self, filling: Filling) -> Result<(), ArchiveError> {
        let Filling { lines, mut mails } = filling;
        mails.sort_unstable_by_key(|mail| mail.uuid);
        let begun = self.begin(ObjectKind::Mails).await?;
        let manifest = self.send(&begun, lines).await?;
        let facts = manifest.facts();
        let is_proven = self.again(|| self.store.prove_mails_object(begun.number, &facts, &mails)).await?;
        self.count(&begun, &manifest, is_proven)?;
        self.report.sums.mails += manifest.mails;
        self.note().await;
        self.tell();
        Ok(())
    }

    async fn begin(&self, kind: ObjectKind) -> Result<Begun, ArchiveError> {
        let clock = self.store.archive_clock().await?;
        let at = later_than(clock.last_name.as_deref(), clock.at);
        let name = object_name(at, kind);
        let number = self.again(|| self.store.begin_archive_object(self.number, kind, &name)).await?;
        Ok(Begun { number, name, at })
    }

    /// Sends an object and reads it back.
    async fn send(&self, begun: &Begun, lines: Lines) -> Result<Manifest, ArchiveError> {
        let (bytes, manifest) = lines.finish(&begun.name, begun.at).map_err(|error| unwritable(&error))?;
        let sent = send_proven(self.place, &manifest, bytes).await;
        if let Err(error) = &sent {
            // Best effort, both: the next run clears away what is left.
            let reason = error.to_string();
            if let Err(error) = self.store.fail_archive_object(begun.number, &reason).await {
                tracing::debug!(%error, "the failure of an object could not be written down");
            }
            if self.store.abandon_archive_object(begun.number).await.unwrap_or(false)
                && self.remove_object(&begun.name).await.is_ok()
                && let Err(error) = self.store.forget_archive_object(begun.number).await
            {
                tracing::debug!(%error, "an object is cleared away by the next run");
            }
        }
        sent.map(|()| manifest)
    }

    fn count(&mut self, begun: &Begun, manifest: &Manifest, is_proven: bool) -> Result<(), ArchiveError> {
        if !is_proven {
            return Err(ArchiveError::GivenUp(begun.name.clone()));
        }
        let sums = &mut self.report.sums;
        sums.objects += 1;
        sums.events += manifest.events;
        sums.bytes += manifest.bytes;
        Ok(())
    }

    async fn remove_archived(&mut self) -> Result<(), ArchiveError> {
        let mut after = None;
        loop {
            let page = self.store.find_removable(self.options.before, after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(*last);
            let began = Instant::now();
            let removed = self.again(|| self.store.remove_archived(&page)).await?;
            self.report.removed += removed;
            self.report.sums.removed_mails = self.report.removed.removed as u64;
            self.note().await;
            self.tell();
            tokio::time::sleep((began.elapsed() / 2).min(PAUSE_MAX)).await;
        }
    }
}

/// Writes lines and manifest, and looks whether they are there as they were sent.
async fn send_proven(place: &ArchivePlace, manifest: &Manifest, bytes: Vec<u8>) -> Result<(), ArchiveError> {
    let name = format!("{}{LINES_ENDING}", manifest.name);
    place.put(&name, bytes).await?;
    let there =
        place.get(&name).await?.ok_or_else(|| ArchiveError::damaged(&name, "written, it is not there"))?;
    let expected = manifest.clone();
    let read = tokio::task::spawn_blocking(move || read_lines(&there, &expected, |_| Ok(())));
    read.await
        .unwrap_or_else(|error| Err(format!("reading it back ended early: {error}")))
        .map_err(|reason| ArchiveError::damaged(&name, reason))?;

    let name = format!("{}{MANIFEST_ENDING}", manifest.name);
    let words = serde_json::to_vec_pretty(manifest).map_err(|error| unwritable(&error.into()))?;
    place.put(&name, words).await?;
    let there =
        place.get(&name).await?.ok_or_else(|| ArchiveError::damaged(&name, "written, it is not there"))?;
    match Manifest::read(&there) {
        Ok(there) if there == *manifest => Ok(()),
        Ok(_) => Err(ArchiveError::damaged(&name, "it is not what was sent")),
        Err(reason) => Err(ArchiveError::damaged(&name, reason)),
    }
}

fn lines(kind: ObjectKind) -> Result<Lines, ArchiveError> {
    Lines::new(kind, Step::LATEST.name()).map_err(|error| unwritable(&error))
}

fn unwritable(error: &std::io::Error) -> ArchiveError {
    ArchiveError::damaged("that is being written", error.to_string())
}

/// Later objects have greater names: that is how a restore finds the newest first.
fn object_name(at: Timestamp, kind: ObjectKind) -> String {
    let (seconds, nanoseconds) = (at.as_second(), at.subsec_nanosecond());
    let at_unix = uuid::Timestamp::from_unix(
        uuid::NoContext,
        u64::try_from(seconds).unwrap_or(0),
        u32::try_from(nanoseconds).unwrap_or(0),
    );
    format!("{}/{}-{}", at.strftime("%Y-%m-%d"), Uuid::new_v7(at_unix), kind.name())
}

/// Now, or where the clock was ahead of that when the last object was named, just after it.
fn later_than(last_name: Option<&str>, now: Timestamp) -> Timestamp {
    let last = last_name
        .and_then(|name| name.split_once('/'))
        .and_then(|(_, name)| Uuid::try_parse(name.get(..36)?).ok())
        .and_then(|uuid| uuid.get_timestamp())
        .and_then(|at| {
            let (seconds, nanoseconds) = at.to_unix();
            Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
        });
    // Keys tell milliseconds.
    let next = last.and_then(|last| last.checked_add(jiff::SignedDuration::from_millis(1)).ok());
    next.map_or(now, |next| now.max(next))
}

/// Mails that are read at once.
fn groups(due: &[Candidate]) -> Vec<&[Candidate]> {
    let mut groups = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (place, candidate) in due.iter().enumerate() {
        let is_full = place - from >= LINES_MAX || bytes + candidate.body_bytes > READ_BODY_BYTES_MAX;
        if is_full && place > from {
            groups.push(&due[from..place]);
            (from, bytes) = (place, 0);
        }
        bytes += candidate.body_bytes;
    }
    if from < due.len() {
        groups.push(&due[from..]);
    }
    groups
}

/// When mails were sent that are older than this, by the server's clock: every machine archives the same.
///
/// # Errors
///
/// When the database does not answer.
pub async fn older_than(store: &Store, age: Duration) -> Result<Timestamp, ArchiveError> {
    let now = store.archive_clock().await?.at;
    let age = jiff::SignedDuration::try_from(age).unwrap_or(jiff::SignedDuration::MAX);
    Ok(now.checked_sub(age).unwrap_or(Timestamp::MIN))
}

/// What a run would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunPlan {
    /// Mails that are old enough and not in the archive.
    pub mails: u64,
    /// Bytes of the bodies of all mails that are old enough.
    pub body_bytes: u64,
    /// Mails that are old enough, in the archive and here.
    pub archived: u64,
    /// When the first and the last of them were sent.
    pub first_sent_at: Option<Timestamp>,
    /// As above.
    pub last_sent_at: Option<Timestamp>,
}

/// Says what a run would do, without doing any of it. It goes through all mails that are old enough, some in each statement;
/// `on_page` hears how many it has looked at, and when the last of these was sent.
///
/// # Errors
///
/// When the database does not answer.
pub async fn plan(
    store: &Store,
    before: Timestamp,
    on_page: &(dyn Fn(u64, Option<Timestamp>) + Sync),
) -> Result<RunPlan, ArchiveError> {
    let (mut estimate, mut next) = store.archive_estimate(before, None).await?;
    while next.is_some() {
        on_page(estimate.mails, estimate.last_sent_at);
        let (page, after) = store.archive_estimate(before, next).await?;
        estimate += page;
        next = after;
    }
    Ok(RunPlan {
        mails: estimate.mails - estimate.archived.min(estimate.mails),
        body_bytes: estimate.body_bytes,
        archived: estimate.archived,
        first_sent_at: estimate.first_sent_at,
        last_sent_at: estimate.last_sent_at,
    })
}

/// Names that belong together, by the name without its ending.
pub(crate) fn stems(names: &[String]) -> BTreeSet<&str> {
    let stem =
        |name| [LINES_ENDING, MANIFEST_ENDING].iter().find_map(|ending| str::strip_suffix(name, *ending));
    names.iter().map(String::as_str).filter_map(stem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ascend_whatever_the_clock_does() {
        let now: Timestamp = "2026-09-01T10:00:00.123456Z".parse().unwrap();
        let ahead: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let last = object_name(ahead, ObjectKind::Mails);
        let at = later_than(Some(&last), now);
        assert_eq!(at, ahead + jiff::SignedDuration::from_millis(1));
        assert!(object_name(at, ObjectKind::Late) > last);
        assert_eq!(later_than(Some(&object_name(now, ObjectKind::Mails)), ahead), ahead);
        for name in [None, Some(""), Some("x"), Some("2026-09-01/x-mails"), Some("a/b/c")] {
            assert_eq!(later_than(name, now), now, "{name:?}");
        }
    }
}
