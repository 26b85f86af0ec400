//! What became of messages, counted.

use std::fmt;

use aftersend_store::BatchReport;
use serde::Serialize;

/// What became of all messages of a run. The parts add up to `received`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Messages that the feed delivered and that are done with: stored, in the quarantine, or dropped.
    pub received: usize,
    /// Events that were new.
    pub stored: usize,
    /// Events that were known.
    pub repeated: usize,
    /// Events that were new and share their place with another.
    pub folded: usize,
    /// Events kept until their mail is known.
    pub parked: usize,
    /// Events of mails that are in the archive, kept for its next object, or that were removed on purpose.
    pub late: usize,
    /// Messages that are no events: confirmations, SES's greeting.
    pub control: usize,
    /// Messages that can't be read or stored, kept in the quarantine.
    pub quarantined: usize,
}

impl Tally {
    pub(super) fn add(&mut self, report: BatchReport) {
        self.stored += report.stored;
        self.repeated += report.repeated;
        self.folded += report.folded;
        self.parked += report.parked;
        self.late += report.late;
        self.quarantined += report.quarantined;
        self.received += report.stored
            + report.repeated
            + report.folded
            + report.parked
            + report.late
            + report.quarantined;
    }

    pub(super) fn add_controls(&mut self, messages: usize) {
        self.control += messages;
        self.received += messages;
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.stored += other.stored;
        self.repeated += other.repeated;
        self.folded += other.folded;
        self.parked += other.parked;
        self.late += other.late;
        self.control += other.control;
        self.quarantined += other.quarantined;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} received: {} stored, {} repeated, {} folded, {} parked, {} control, {} quarantined",
            self.received,
            self.stored,
            self.repeated,
            self.folded,
            self.parked,
            self.control,
            self.quarantined
        )?;
        // None as long as nobody archives or removes mails.
        if self.late > 0 { write!(f, ", {} late", self.late) } else { Ok(()) }
    }
}
