//! The line of schema steps: what each does, how far a database has come, and moving it along.
//!
//! Steps 136 and 137 are `PhoenixKit`'s and are recorded where `PhoenixKit` records them: in the comment of
//! the table `phoenix_kit`. Steps of our own (a1, …) are recorded in `aftersend_steps`.

mod catalog;
mod contract;
mod indexes;
mod lock;
mod runner;
mod shape;
mod state;
mod steps;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

pub use runner::{DownOptions, Migrator, StepReport, Target};
pub use state::{SchemaStatus, StepStatus};

use crate::{ConnectError, Prefix, error::sentence};

/// A step of the schema. The order of the variants is the order of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The six tables of `PhoenixKit`'s email module, as at its version V136.
    V136,
    /// `PhoenixKit`'s V137: no duplicate events, by unique indexes; search and archive indexes.
    V137,
    /// Fingerprints, folded occurrences, further SES ids, quarantine.
    A1,
}

impl Step {
    /// Every step, first one first.
    pub const ALL: [Self; 3] = [Self::V136, Self::V137, Self::A1];

    /// The step that this program needs.
    pub const LATEST: Self = Self::A1;

    /// The name that people and `aftersend_steps` use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V136 => "136",
            Self::V137 => "137",
            Self::A1 => "a1",
        }
    }

    /// What the step is for, in a few words.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::V136 => "PhoenixKit's email tables (V136)",
            Self::V137 => "no duplicate events, search and archive indexes (V137)",
            Self::A1 => "fingerprints, folded occurrences, quarantine",
        }
    }

    /// Whether the step is ours and not `PhoenixKit`'s.
    pub const fn is_own(self) -> bool {
        matches!(self, Self::A1)
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

/// Why the schema was not moved. Where a step failed, that step changed nothing; the ones before it stay.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// There is no way to the database.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A step that this program does not know.
    #[error("there is no step `{0}`; the steps are 136, 137 and a1, and `down` also takes 0")]
    NoSuchStep(String),
    /// Somebody else is at it.
    #[error(
        "another program is moving the schema {prefix} ({holder}) and has not finished in {waited_s} s; \
         wait for it or end it, then run this again"
    )]
    Busy {
        /// The schema.
        prefix: Prefix,
        /// Process id and name of the session that holds the lock.
        holder: String,
        /// How long we waited.
        waited_s: u64,
    },
    /// The comment that tells the version can't be read.
    #[error(
        "the table {prefix}.phoenix_kit has {found}, where its version number should stand, so nobody can tell \
         what this schema holds. If you know: COMMENT ON TABLE {}.phoenix_kit IS '136';", .prefix.quoted()
    )]
    Marker {
        /// The schema.
        prefix: Prefix,
        /// What stands there.
        found: String,
    },
    /// A `PhoenixKit` schema from before V136.
    #[error(
        "the schema {prefix} is at PhoenixKit's version {found}; Aftersend begins at 136: run PhoenixKit's own \
         migrations up to there first"
    )]
    BeforeBaseline {
        /// The schema.
        prefix: Prefix,
        /// Its version.
        found: u32,
    },
    /// Tables that should not be there yet, or are not as the contract says.
    #[error("the tables in the schema {prefix} are not as PhoenixKit's V136 makes them, and nothing was changed:\n{}", .differences.iter().map(|d| format!("  - {d}")).collect::<Vec<_>>().join("\n"))]
    Drifted {
        /// The schema.
        prefix: Prefix,
        /// What is different, a sentence each.
        differences: Vec<String>,
    },
    /// Own steps of a newer program.
    #[error(
        "the schema {prefix} holds the step {step}, made by a newer Aftersend; use that one or a newer one"
    )]
    TooNew {
        /// The schema.
        prefix: Prefix,
        /// The step.
        step: String,
    },
    /// The schema lacks steps that this program needs.
    #[error(
        "the schema {prefix} is at step {found}, and this Aftersend needs {needed}. Bring it up to date with: \
         aftersend migrate up{}", prefix_option(.prefix)
    )]
    Behind {
        /// The schema.
        prefix: Prefix,
        /// The last step it has, `none` without one.
        found: String,
        /// The step needed.
        needed: Step,
    },
    /// `PhoenixKit` has gone further, and its steps come down first.
    #[error(
        "the schema {prefix} is at PhoenixKit's version {found}; steps above 137 are PhoenixKit's own and must go \
         down first, with PhoenixKit"
    )]
    AboveContract {
        /// The schema.
        prefix: Prefix,
        /// Its version.
        found: u32,
    },
    /// `down` would lose what only our tables hold.
    #[error(
        "step {step} can't go down without losing rows: {rows}. To lose them on purpose: --discard-own-data"
    )]
    OwnData {
        /// The step.
        step: Step,
        /// How many rows of what.
        rows: String,
    },
    /// Something that a step made is gone.
    #[error(
        "step {step} is not whole, it lacks {lacks}; `migrate up` puts that back, and then it can go down"
    )]
    Incomplete {
        /// The step.
        step: Step,
        /// What is gone.
        lacks: String,
    },
    /// `down` below 136 drops the mails themselves.
    #[error(
        "going below 136 drops every mail and event in the schema {0}. To do that on purpose: --drop-data"
    )]
    DropsData(Prefix),
    /// Tables that another program made.
    #[error("the tables in the schema {0} were not made by Aftersend, so it does not drop them")]
    NotOurs(Prefix),
    /// Another session holds a lock that a step needs.
    #[error(
        "step {step} needs a lock that another session holds for too long; nothing was changed by it. Run it again, or find that session in pg_stat_activity"
    )]
    Locked {
        /// The step.
        step: Step,
    },
    /// The user lacks a right.
    #[error("the database user may not do what step {step} needs: {reason}. {hint}")]
    Permission {
        /// The step.
        step: Step,
        /// What PostgreSQL said.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// The extension is not installed on the server.
    #[error(
        "step 137 needs PostgreSQL's extension pg_trgm, which the server does not offer; install its contrib \
         package (Fedora: postgresql-contrib; Debian's server package holds it) and run this again"
    )]
    NoTrigrams,
    /// An index that has a name of V137's and does not do what that one does.
    #[error(
        "the index {prefix}.{index} is there but of no use: it is {wrong}. Run \
         DROP INDEX {}.{index}; and then this again", .prefix.quoted()
    )]
    WrongIndex {
        /// The schema.
        prefix: Prefix,
        /// The index.
        index: String,
        /// What it is instead.
        wrong: String,
    },
    /// Anything else that the database refused.
    #[error("{doing}: {reason}")]
    Database {
        /// What was being done.
        doing: String,
        /// What PostgreSQL said.
        reason: String,
    },
}

fn prefix_option(prefix: &Prefix) -> String {
    if prefix.raw() == "public" { String::new() } else { format!(" --prefix {prefix}") }
}

impl MigrateError {
    pub(crate) fn database(doing: impl Into<String>, error: &tokio_postgres::Error) -> Self {
        Self::Database { doing: doing.into(), reason: sentence(error) }
    }
}
