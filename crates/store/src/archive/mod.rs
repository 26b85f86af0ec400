//! What the database knows of its archive: which mails are in which object, what is late for them, and how mails leave and
//! come back.
//!
//! The objects themselves, where they are and what they look like, are another room's (`aftersend-archive`). Here are the
//! statements that room is made of, each of which leaves the database in order by itself:
//!
//! - An object is written down before its first byte is sent, and its mails when it is proven. What was begun and never
//!   proven can be given up; then nobody can prove it any more.
//! - A mail leaves in one transaction with its tombstones and its figures, and only as it went to a proven object.
//! - A mail comes back in one transaction in which its tombstones go.

mod late;
mod lines;
mod lookup;
mod objects;
mod remove;
mod restore;
mod runs;
mod same;

pub use late::{LATE_PAGE_MAX, LateEvent};
pub use lines::{
    ArchiveEstimate, ArchiveWalked, CANDIDATE_PAGE_MAX, Candidate, CandidateCursor, CandidatePage, LINES_MAX,
    MailLine, MailLines,
};
pub use lookup::{ArchivedMail, ArchivedObject, ArchivedState};
pub use objects::{ArchiveObject, Leftover, ObjectFacts, ObjectKind, ObjectState, ProvenMail};
pub use remove::{REMOVED_MAILS_MAX, Removable, RemoveReport};
pub use restore::{RESTORED_MAILS_MAX, RestoreReport, RestoredMail};
pub use runs::{
    ArchiveClock, ArchiveCounts, ArchiveRun, ArchiveRunState, RunLock, RunSums, RunWalk, UnreadableMails,
};
pub(crate) use same::SameAsArchived;

#[cfg(test)]
mod tests;
