//! Why a schema was not moved, in sentences that say what to do.

use tokio_postgres::error::SqlState;

use super::Step;
use crate::{ConnectError, Prefix, error::sentence};

/// Why the schema was not moved. Where a step failed, what it has done so far and the steps before it stay; running it
/// again goes on from there. In one transaction (`--in-transaction`, and own steps) a failed step changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// There is no way to the database.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A step that this program does not know.
    #[error("there is no step `{0}`; the steps are {steps}, and `down` also takes 0", steps = Step::names())]
    NoSuchStep(String),
    /// A pooler stands in between that gives each transaction another session.
    #[error(
        "at {place} answers a connection pooler that gives each transaction another session of the server (pool_mode = \
         transaction, or something like it). A migration can't run there, since its lock and its settings belong to \
         one session; nothing was changed. Give the server's own address, usually port 5432 of the machine behind the \
         pooler; or a pool with pool_mode = session"
    )]
    Pooler {
        /// The pooler's address.
        place: String,
    },
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
         migrations up to there first, which are about more than mail and would be skipped if this program wrote \
         136. Where no PhoenixKit application uses the schema any more: COMMENT ON TABLE {}.phoenix_kit IS '136'; \
         and `migrate up` brings its email tables there", .prefix.quoted()
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
    /// `down` would lose bodies of mails.
    #[error(
        "step {step} can't go down: {bodies} bodies are compressed and stand nowhere else. `aftersend archive decompress` puts \
         them back into their mails. To lose them on purpose: --discard-own-data"
    )]
    StoredBodies {
        /// The step.
        step: Step,
        /// How many.
        bodies: u64,
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
    /// Something uses a column in a way that keeps its type as it is.
    #[error(
        "step {step} makes columns of the schema {prefix} text, and these keep PostgreSQL from it, or would make it keep \
         writers out for long; no such column was changed:\n{}\nKeep how they are defined (`pg_dump --schema-only` \
         writes all of it), drop them, run this again, and make them again. \
         Or stop before this step: --to a1",
        .uses.iter().map(|used| format!("  - {used}")).collect::<Vec<_>>().join("\n")
    )]
    ColumnsInUse {
        /// The step.
        step: Step,
        /// The schema.
        prefix: Prefix,
        /// What uses which columns how, a line each, with the question that shows its definition.
        uses: Vec<String>,
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
        "step {step} needs a lock that {holder} does not give up; it was asked for again and again for {waited_s} s, \
         never long enough to keep writers waiting. End that session's transaction, or wait until it has ended, and \
         run this again: it goes on where it stopped"
    )]
    Locked {
        /// The step.
        step: Step,
        /// The session, in words.
        holder: String,
        /// How long it was tried.
        waited_s: u64,
    },
    /// A build waited for another transaction for longer than it may.
    #[error(
        "step {step} waited {budget_s} s for {whom}. While it waits it keeps nobody from writing, but it can't go on \
         before that transaction ends. End it, or give more time with --wait-budget, and run this again: it goes on \
         where it stopped"
    )]
    Waited {
        /// The step.
        step: Step,
        /// The session, in words.
        whom: String,
        /// How long a build may wait.
        budget_s: u64,
    },
    /// Somebody writes duplicates faster than they can be removed.
    #[error(
        "the unique index {index} could not be built in {tries} tries, because somebody goes on writing duplicate \
         events. Stop what writes events for a moment (the application's own SES poller, a second one, a replay), \
         and run this again: it goes on where it stopped"
    )]
    NeverUnique {
        /// The index.
        index: &'static str,
        /// How often it was tried.
        tries: u32,
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

/// What is left of a step when a statement of it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undone {
    /// Nothing: it was one transaction.
    All,
    /// What was done before stays, and the step goes on from there the next time.
    TheRestStays,
}

impl Undone {
    const fn words(self) -> &'static str {
        match self {
            Self::All => "the step changed nothing",
            Self::TheRestStays => "what was done so far stays, and the step goes on from there",
        }
    }
}

/// Sorts what the database said about a step's statement by what to do about it.
pub(super) fn failure(
    (step, up): (Step, bool),
    undone: Undone,
    error: &tokio_postgres::Error,
) -> MigrateError {
    let direction = if up { "up" } else { "down" };
    let what_stays = undone.words();
    if error.is_closed() {
        return MigrateError::Database {
            doing: format!("step {step} {direction}"),
            reason: "the connection to the database was lost. Run this again: it finds out what was done, and goes on"
                .to_owned(),
        };
    }
    match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            MigrateError::Locked { step, holder: "another session".to_owned(), waited_s: 0 }
        }
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => MigrateError::Permission {
            step,
            reason: sentence(error),
            hint: "Run it as the owner of the tables",
        },
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => MigrateError::Database {
            doing: format!("step {step}"),
            reason: "the database is read-only: a standby, or set so; give the primary's address".to_owned(),
        },
        Some(&SqlState::DISK_FULL) => MigrateError::Database {
            doing: format!("step {step}"),
            reason: format!("the database's disk is full: make room there and run this again; {what_stays}"),
        },
        Some(&SqlState::UNIQUE_VIOLATION) => MigrateError::Database {
            doing: format!("step {step} needs rows to be there once that are there twice; {what_stays}"),
            reason: sentence(error),
        },
        _ => MigrateError::database(format!("step {step} {direction} failed; {what_stays}"), error),
    }
}
