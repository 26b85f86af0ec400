//! The line of schema steps: what each does, how far a database has come, and moving it along.
//!
//! Steps 136 and 137 are `PhoenixKit`'s and are recorded where `PhoenixKit` records them: in the comment of
//! the table `phoenix_kit`. Steps of our own (a1, …) are recorded in `aftersend_steps`.

mod adopt;
mod catalog;
mod compare;
mod contract;
mod error;
mod examine;
mod indexes;
mod listing;
mod lock;
mod online;
mod plan;
mod pooler;
mod rights;
mod runner;
mod shape;
mod state;
mod steps;
#[cfg(test)]
mod tests;
mod verify;

use std::{fmt, str::FromStr};

pub use error::MigrateError;
pub use examine::SchemaFindings;
pub(crate) use examine::is_pooled;
pub use listing::{StepStatements, step_statements};
pub use online::{Limits, Progress, Watcher};
pub use plan::{
    Amount, Blocker, Manner, Obstacle, Operation, Plan, PlanTotals, PlannedLock, PlannedStep, PlannedTable,
    PlannedWay, Time,
};
pub use runner::{DownOptions, Migrator, StepReport, Target, UpOptions};
pub use state::{LastRun, SchemaStatus, StepStatus};
pub use verify::{Difference, Verification};

/// A step of the schema. The order of the variants is the order of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The six tables of `PhoenixKit`'s email module, as at its version V136.
    V136,
    /// `PhoenixKit`'s V137: no duplicate events, by unique indexes; search and archive indexes.
    V137,
    /// Fingerprints, folded occurrences, further SES ids, quarantine.
    A1,
    /// Text in place of `varchar(255)` where real values are longer.
    A2,
    /// A row for each recipient of a mail.
    A3,
    /// What parking needs: fingerprints of events that wait for their mail.
    A4,
    /// Sums of figures, and marks of what is to be counted.
    A5,
    /// Sums of figures by domains, reasons of bounces and links.
    A6,
    /// Bodies of older mails, compressed.
    A7,
    /// What is known of mails in the archive.
    A8,
    /// Which columns of a mail its application has logged, and who was erased.
    A9,
    /// Jobs that run by themselves, and what their last runs did.
    A10,
}

impl Step {
    /// Every step, first one first.
    pub const ALL: [Self; 12] = [
        Self::V136,
        Self::V137,
        Self::A1,
        Self::A2,
        Self::A3,
        Self::A4,
        Self::A5,
        Self::A6,
        Self::A7,
        Self::A8,
        Self::A9,
        Self::A10,
    ];

    /// The step that this program needs.
    pub const LATEST: Self = Self::A10;

    /// The name that people and `aftersend_steps` use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V136 => "136",
            Self::V137 => "137",
            Self::A1 => "a1",
            Self::A2 => "a2",
            Self::A3 => "a3",
            Self::A4 => "a4",
            Self::A5 => "a5",
            Self::A6 => "a6",
            Self::A7 => "a7",
            Self::A9 => "a9",
            Self::A8 => "a8",
            Self::A10 => "a10",
        }
    }

    /// What the step is for, in a few words.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::V136 => "PhoenixKit's email tables (V136)",
            Self::V137 => "no duplicate events, search and archive indexes (V137)",
            Self::A1 => "fingerprints, folded occurrences, quarantine",
            Self::A2 => "columns for text of any length",
            Self::A3 => "what became of a mail for each recipient",
            Self::A4 => "events that wait for their mail",
            Self::A5 => "sums of figures, for questions about months",
            Self::A6 => "sums of figures by domains, reasons of bounces and links",
            Self::A7 => "bodies of older mails, compressed",
            Self::A9 => "mails that an application logs, and people who were erased",
            Self::A8 => "what is known of mails in the archive",
            Self::A10 => "jobs that run by themselves, and what they did",
        }
    }

    /// Whether the step is ours and not `PhoenixKit`'s.
    pub const fn is_own(self) -> bool {
        matches!(
            self,
            Self::A1
                | Self::A2
                | Self::A3
                | Self::A4
                | Self::A5
                | Self::A6
                | Self::A7
                | Self::A8
                | Self::A9
                | Self::A10
        )
    }

    /// The names of all steps, for a sentence: `136, 137, a1, a2 and a3`.
    pub fn names() -> String {
        let names = Self::ALL.map(Self::name);
        match names.split_last() {
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => String::new(),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Step {
    type Err = MigrateError;

    fn from_str(name: &str) -> Result<Self, MigrateError> {
        Self::ALL
            .into_iter()
            .find(|step| step.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| MigrateError::NoSuchStep(name.chars().take(40).collect()))
    }
}
