//! What is stored where, what compressing it saves, and what becomes of old mail.

mod archive;
mod bodies;
mod jobs;
mod parts;
#[cfg(test)]
mod tests;
mod vacuum;

use aftersend_store::{
    ArchiveRun, ArchiveSums, BodyPlaces, GoneMails, JobState, TableSizes, UnreadableMails,
};
use askama::Template;

use self::{
    archive::{Archive, Gone, LeftOut, NoArchive},
    bodies::{BodyRow, Compression},
    jobs::{JobCard, JobsTold},
    parts::{PartRow, Tile},
    vacuum::VacuumRow,
};
use super::Frame;
use crate::{Upkeep, clock::Clock, text, words::Tone};

/// What the page is made from. What the database did not say is not there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) sizes: Option<TableSizes>,
    pub(crate) bodies: Option<BodyPlaces>,
    pub(crate) gone: Option<GoneMails>,
    pub(crate) sums: Option<ArchiveSums>,
    pub(crate) jobs: Option<Vec<JobState>>,
    /// The last run of the archiver, if there was any.
    pub(crate) last_run: Option<ArchiveRun>,
    /// Mails that are left out of the archive, if there are any.
    pub(crate) left_out: Option<UnreadableMails>,
    /// Whether bodies are compressed where nobody says: whether this program made the tables.
    pub(crate) own_tables: Option<bool>,
    /// Why some of it is not there, each reason once.
    pub(crate) unread: Vec<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "storage.html")]
pub(crate) struct StoragePage {
    frame: Frame,
    now: String,
    unread: Vec<String>,
    /// How the jobs are.
    told: Option<JobsTold>,
    jobs: Vec<JobCard>,
    tiles: Vec<Tile>,
    parts: Vec<PartRow>,
    /// All parts together.
    whole: Option<PartRow>,
    /// Whether a figure was estimated.
    any_rough: bool,
    bodies: Vec<BodyRow>,
    compression: Option<Compression>,
    saved: Option<String>,
    archive: Option<Archive>,
    no_archive: Option<NoArchive>,
    left_out: Option<LeftOut>,
    gone: Vec<Gone>,
    vacuum: Vec<VacuumRow>,
    /// Tables that autovacuum is switched off for.
    vacuum_off: Vec<String>,
    is_vacuum_known: bool,
}

impl StoragePage {
    pub(crate) fn new(stored: &Stored, upkeep: &Upkeep, clock: &Clock) -> Self {
        let sizes = stored.sizes.as_ref();
        let parts = sizes.map(|sizes| parts::parts(sizes, stored)).unwrap_or_default();
        let bodies = stored.bodies.as_ref();
        let at_work = stored.jobs.as_deref().and_then(JobState::at_work);
        let any_rough = sizes.is_some_and(|sizes| sizes.mails.is_rough || sizes.events.is_rough)
            || bodies.is_some_and(|bodies| bodies.plain.is_rough || bodies.compressed.is_rough)
            || stored.gone.is_some_and(|gone| {
                [gone.archived, gone.archived_ids, gone.late_events].iter().any(|estimate| estimate.is_rough)
            });
        Self {
            frame: Frame::below("/feeds", clock),
            now: clock.to_the_second(clock.now()),
            unread: stored.unread.iter().map(|reason| text::value(reason)).collect(),
            told: stored.jobs.as_deref().map(|states| jobs::told(states, clock)),
            jobs: stored
                .jobs
                .iter()
                .flatten()
                .map(|state| JobCard::new(state, at_work, upkeep, clock))
                .collect(),
            tiles: parts::tiles(stored),
            whole: sizes.map(parts::whole),
            parts,
            any_rough,
            bodies: bodies.map(bodies::rows).unwrap_or_default(),
            compression: stored.own_tables.map(|own_tables| Compression::of(upkeep, own_tables)),
            saved: bodies.and_then(bodies::saved),
            archive: Archive::of(stored, upkeep, clock),
            no_archive: NoArchive::of(stored, upkeep),
            left_out: stored.left_out.as_ref().map(LeftOut::new),
            gone: stored.gone.as_ref().map(archive::gone).unwrap_or_default(),
            vacuum: sizes.map(|sizes| vacuum::rows(sizes, clock)).unwrap_or_default(),
            vacuum_off: sizes.map(vacuum::switched_off).unwrap_or_default(),
            is_vacuum_known: sizes.is_some(),
        }
    }
}

/// How much less the second is: `71 %`. Nothing where it is not less.
fn less_percent(before: u64, now: u64) -> Option<String> {
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
    let percent = (now < before).then(|| 100.0 - now as f64 * 100.0 / before as f64)?;
    // Not "100 %" while something is left.
    Some(format!("{:.0}\u{a0}%", percent.clamp(1.0, 99.0)))
}
