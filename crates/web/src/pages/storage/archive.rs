//! The archive: what it holds, where, and what outlives its mails here.

use aftersend_store::{ArchiveRun, ArchiveRunState, Estimate, GoneMails, UnreadableMails};
use uuid::Uuid;

use super::Stored;
use crate::{
    Upkeep,
    clock::{Clock, Moment},
    numbers::{bytes, estimated, grouped},
    text, times,
};

/// What is in the archive.
pub(crate) struct Archive {
    pub(crate) place: Option<String>,
    pub(crate) mails: String,
    pub(crate) gone: String,
    pub(crate) events: String,
    pub(crate) objects: String,
    pub(crate) bytes: String,
    pub(crate) content: String,
    /// When the first and the last of the mails were sent.
    pub(crate) span: Option<(Moment, Moment)>,
    pub(crate) late: Option<String>,
    pub(crate) leftovers: Option<String>,
    pub(crate) last_run: Option<RunTold>,
    /// How old mails are that go there; nothing where none go by themselves.
    pub(crate) after: Option<String>,
    pub(crate) delete_archived: bool,
}

/// The last run.
pub(crate) struct RunTold {
    pub(crate) began: Moment,
    pub(crate) did: String,
    /// Why it failed.
    pub(crate) failure: Option<String>,
}

/// Why there is no archive.
pub(crate) enum NoArchive {
    /// No place is set.
    Unset,
    /// A place is, and no age.
    NoAge,
    /// Both are, and nothing went there yet.
    Empty { after: String },
}

/// Mails that are left out of the archive.
pub(crate) struct LeftOut {
    /// How many, and why.
    pub(crate) sentence: String,
    /// One of them.
    pub(crate) first: Uuid,
}

impl LeftOut {
    pub(super) fn new(left_out: &UnreadableMails) -> Self {
        let noun = if left_out.mails == 1 { "mail" } else { "mails" };
        let more = if left_out.may_be_more { " or more" } else { "" };
        let why = if left_out.mails == 1 && !left_out.may_be_more {
            "is left out: its stored body is damaged."
        } else {
            "are left out: their stored bodies are damaged."
        };
        let sentence = format!("{} {noun}{more} {why}", grouped(left_out.mails));
        Self { sentence, first: left_out.first }
    }
}

/// Mails of one kind that are gone, by what is left of them.
pub(crate) struct Gone {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) count: String,
}

impl Archive {
    /// Nothing where nothing ever went to an archive.
    pub(super) fn of(stored: &Stored, upkeep: &Upkeep, clock: &Clock) -> Option<Self> {
        let (sums, gone) = (stored.sums?, stored.gone?);
        if sums.objects == 0 && sums.leftovers == 0 && stored.last_run.is_none() {
            return None;
        }
        let place = stored.last_run.as_ref().map(|run| run.store.as_str()).or(upkeep.archive.as_deref());
        Some(Self {
            place: place.map(shown),
            mails: estimated(gone.archived + gone.archived_and_here),
            gone: estimated(gone.archived),
            events: grouped(sums.events),
            objects: grouped(sums.objects),
            bytes: bytes(sums.bytes),
            content: bytes(sums.content_bytes),
            span: sums
                .first_sent_at
                .zip(sums.last_sent_at)
                .map(|(first, last)| (clock.moment(first), clock.moment(last))),
            late: (gone.late_events.count > 0).then(|| estimated(gone.late_events)),
            leftovers: (sums.leftovers > 0).then(|| grouped(sums.leftovers)),
            last_run: stored.last_run.as_ref().map(|run| RunTold::new(run, clock)),
            after: upkeep.archive.as_ref().and(upkeep.archive_after).map(times::aged),
            delete_archived: upkeep.delete_archived,
        })
    }
}

impl RunTold {
    fn new(run: &ArchiveRun, clock: &Clock) -> Self {
        let sums = &run.sums;
        let removed = match sums.removed_mails {
            0 => String::new(),
            removed => format!(", and removed {} here", grouped(removed)),
        };
        let did = match (sums.objects, &run.state) {
            (0, ArchiveRunState::Done) if sums.removed_mails == 0 => {
                "there was nothing to archive".to_owned()
            }
            (0, _) if sums.removed_mails == 0 => "it archived nothing".to_owned(),
            _ => format!("it archived {} mails, {}{removed}", grouped(sums.mails), bytes(sums.bytes)),
        };
        let ago = run.ended_at.map_or(String::new(), |at| format!(" {}", clock.ago(at)));
        let did = match &run.state {
            ArchiveRunState::AtWork => format!("at work; so far {did}"),
            ArchiveRunState::Stopped => {
                format!("{did}; then it was stopped{ago}, and the next run goes on from there")
            }
            ArchiveRunState::Lost => {
                format!("{did}; then it ended by force, and the next run goes on from there")
            }
            ArchiveRunState::Failed(_) => format!("{did}; then it failed{ago}"),
            ArchiveRunState::Done => did,
        };
        Self { began: clock.moment(run.began_at), did, failure: run.state.failure().map(text::value) }
    }
}

impl NoArchive {
    /// Nothing where there is one, or nobody knows.
    pub(super) fn of(stored: &Stored, upkeep: &Upkeep) -> Option<Self> {
        let (sums, _) = (stored.sums?, stored.gone?);
        if sums.objects > 0 || sums.leftovers > 0 || stored.last_run.is_some() {
            return None;
        }
        Some(match (&upkeep.archive, upkeep.archive_after) {
            (None, _) => Self::Unset,
            (Some(_), None) => Self::NoAge,
            (Some(_), Some(after)) => Self::Empty { after: times::aged(after) },
        })
    }
}

/// What is left of mails that are gone. Kinds of which there are none are left out.
pub(super) fn gone(gone: &GoneMails) -> Vec<Gone> {
    let told = |name, about, count: Estimate| (count, Gone { name, about, count: estimated(count) });
    let all = [
        told("Archived", "and not here any more; a late event goes to the archive, too", gone.archived_ids),
        told("Deleted", "for their age; a late event is counted and dropped", gone.deleted_ids),
        told("Erased", "for a person’s sake; a late event is counted and dropped", gone.erased_ids),
    ];
    all.into_iter().filter(|(count, _)| count.count > 0).map(|(_, gone)| gone).collect()
}

/// An archive's address without what stands before its host: somebody may have written credentials there.
fn shown(place: &str) -> String {
    let clean = match place.split_once("://") {
        Some((scheme, rest)) => match rest.split_once('/').map_or(rest, |(host, _)| host).rfind('@') {
            Some(end) => format!("{scheme}://…{}", &rest[end..]),
            None => place.to_owned(),
        },
        None => place.to_owned(),
    };
    text::value(&clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_shown_without_credentials() {
        for (place, expected) in [
            ("s3://bucket/folder", "s3://bucket/folder"),
            ("s3://key:secret@bucket/folder", "s3://…@bucket/folder"),
            ("file:///var/lib/a@b", "file:///var/lib/a@b"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(shown(place), expected);
        }
    }
}
