//! What can go wrong between this program and the database, sorted by what to do then.

use deadpool_postgres::PoolError;
use tokio_postgres::{
    Error as PostgresError,
    error::{DbError, SqlState},
};

/// A question to the database that got no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The search text is too long.
    #[error("the search text is too long: {} characters at most", crate::SEARCH_TEXT_CHARS_MAX)]
    TextTooLong,
    /// The statement ran into the time budget of questions.
    #[error("the search took longer than its time budget; search for a longer or rarer text")]
    TimedOut,
    /// The tables are not what this program needs.
    #[error("the database's schema is not the one this program needs ({0}); run `aftersend migrate status`")]
    Schema(String),
    /// The database could not be asked.
    #[error("the database does not answer: {0}")]
    Unreachable(String),
    /// The database refused the statement.
    #[error("the database refused: {0}")]
    Database(String),
    /// A compressed body is not what was stored.
    #[error(
        "the stored body of mail {mail} is damaged: {reason}; restore table aftersend_bodies from a backup"
    )]
    DamagedBody {
        /// The mail.
        mail: uuid::Uuid,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<PostgresError> for QueryError {
    fn from(error: PostgresError) -> Self {
        match error.code() {
            Some(&SqlState::QUERY_CANCELED) => Self::TimedOut,
            Some(state) if is_schema(state) => Self::Schema(sentence(&error)),
            Some(state) if is_shutdown(state) => Self::Unreachable(sentence(&error)),
            Some(_) => Self::Database(sentence(&error)),
            None => Self::Unreachable(sentence(&error)),
        }
    }
}

impl From<PoolError> for QueryError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// A batch that was not stored. Nothing of it was: it was one transaction.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Another transaction stood in the way: the same batch may do the next time.
    #[error("the batch must be stored again: {0}")]
    Repeat(String),
    /// The server does not answer, starts, goes down or has no connection left, or a connection was lost: the same
    /// batch may do when it is back.
    #[error("the database is away: {0}")]
    Away(String),
    /// The database can't be written to until somebody does something about it.
    #[error("{0}")]
    Blocked(String),
    /// PostgreSQL can't hold a value of one of the events; which one, a smaller batch will show.
    #[error("{0}")]
    Data(String),
    /// The tables are not what this program needs.
    #[error("the database's schema is not the one this program needs ({0}); run `aftersend migrate status`")]
    Schema(String),
    /// A batch is larger than one transaction should hold its locks for.
    #[error("a batch has {0} messages, and {max} at most are stored together", max = crate::BATCH_MESSAGES_MAX)]
    TooLarge(usize),
    /// The parts of a batch do not add up to the whole: a fault of this program, and nothing was stored.
    #[error(
        "a fault of Aftersend: of {received} received events {accounted} are accounted for; nothing was stored"
    )]
    Unaccounted {
        /// Events in the batch.
        received: usize,
        /// Events of which the transaction says what became of them.
        accounted: usize,
    },
}

impl From<PostgresError> for IngestError {
    fn from(error: PostgresError) -> Self {
        let Some(database) = error.as_db_error() else {
            let reason = sentence(&error);
            return if is_unfit(&error) { Self::Data(reason) } else { Self::Away(reason) };
        };
        let reason = if is_raised(database) {
            // Its words are an application's own, and may well quote the row.
            format!("a trigger or function of the database refuses it ({})", database.code().code())
        } else {
            sentence(&error)
        };
        match Verdict::on(database.code()) {
            Verdict::Repeat => Self::Repeat(reason),
            Verdict::Away => Self::Away(reason),
            Verdict::Data => Self::Data(reason),
            // Whatever code a trigger gives its refusal, it looked at a row of the batch.
            Verdict::Blocked if is_raised(database) => Self::Data(reason),
            Verdict::Schema => Self::Schema(reason),
            Verdict::Blocked => Self::Blocked(match *database.code() {
                SqlState::READ_ONLY_SQL_TRANSACTION => {
                    "the database is read-only: a standby, or set so; give the primary's address".to_owned()
                }
                SqlState::DISK_FULL => {
                    "the database's disk is full: make room there; nothing is lost meanwhile".to_owned()
                }
                SqlState::INSUFFICIENT_PRIVILEGE => {
                    format!(
                        "the database user may not write: {reason}; grant it the tables: `aftersend doctor` names the statements"
                    )
                }
                _ => format!("the database refused the batch: {reason}"),
            }),
        }
    }
}

/// What an error of the server says about the batch.
///
/// Only [`Data`](Self::Data) halves a batch, and an event goes into the quarantine only when it is refused alone. Taken
/// too wide, innocent events are set aside, to be replayed; taken too narrow, one event holds up its queue for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Something stands in the way, and may be gone the next time.
    Repeat,
    /// The server can't be asked for the moment, whatever the batch.
    Away,
    /// One of the rows can't be stored.
    Data,
    /// The tables are not what this program needs.
    Schema,
    /// Somebody has to do something about it.
    Blocked,
}

impl Verdict {
    /// By the code alone. <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    fn on(state: &SqlState) -> Self {
        if is_schema(state) {
            return Self::Schema;
        }
        let code = state.code();
        match code {
            // A mail was deleted between its lock and its event.
            "23503"
            // A lock that somebody holds; an object that somebody uses.
            | "55P03" | "55006"
            // `statement_timeout`, or somebody's `pg_cancel_backend`.
            | "57014"
            // The server ended the session, since this program was held up in the middle of a transaction.
            | "25P03" | "25P04"
            // The server has no memory for the moment.
            | "53000" | "53200" => return Self::Repeat,
            "53300" => return Self::Away,
            // Every row has a value for each column that is ours: the column is somebody else's.
            "23502" => return Self::Schema,
            // A row beyond a limit, such as the size of an index's entry, or nested too deep. The others of class 54
            // are about statements.
            "54000" | "54001" => return Self::Data,
            _ => {}
        }
        match code.get(..2) {
            // Deadlocks and serialisation.
            Some("40") => Self::Repeat,
            // Lost connections.
            Some("08") => Self::Away,
            // A server that is going down, starting, or whose administrator ended the session.
            Some("57") if code.starts_with("57P") => Self::Away,
            // Several rows where one may be; values; constraints; an application's trigger or view that refuses.
            // 23505 may come from a race, but the transaction after that finds the other's row: the halves are stored.
            Some("21" | "22" | "23" | "44" | "P0") => Self::Data,
            _ => Self::Blocked,
        }
    }
}

/// Whether the driver, and not the server, could not read or send a value. A row that an application wrote may hold
/// what this program can't: `infinity` for a time.
fn is_unfit(error: &PostgresError) -> bool {
    // The driver tells its kinds of error by their words alone.
    let words = error.to_string();
    ["error deserializing column", "error serializing parameter", "error encoding message"]
        .iter()
        .any(|kind| words.starts_with(kind))
}

/// Whether a function in PL/pgSQL raised the error of its own accord.
/// Whether a table of an application's refers to a row that is to go, or a trigger of its raised an error.
pub(crate) fn is_refusal(error: &PostgresError) -> bool {
    error.as_db_error().is_some_and(|error| {
        let is_referred_to =
            [SqlState::FOREIGN_KEY_VIOLATION, SqlState::RESTRICT_VIOLATION].contains(error.code());
        is_referred_to || is_raised(error)
    })
}

fn is_raised(error: &DbError) -> bool {
    error.routine() == Some("exec_stmt_raise") || error.code().code().starts_with("P0")
}

impl From<PoolError> for IngestError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self::Away(other.to_string()),
        }
    }
}

/// Class 08 is lost connections, 57P0x a server that is going down, starting, or whose administrator ended the session.
fn is_shutdown(state: &SqlState) -> bool {
    state.code().starts_with("08") || state.code().starts_with("57P")
}

/// Tables, columns, functions or the unique indexes that `ON CONFLICT` names are missing, or of another type.
fn is_schema(state: &SqlState) -> bool {
    [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::UNDEFINED_OBJECT,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::INVALID_SCHEMA_NAME,
        SqlState::INVALID_COLUMN_REFERENCE,
        SqlState::DATATYPE_MISMATCH,
        SqlState::CANNOT_COERCE,
        SqlState::WRONG_OBJECT_TYPE,
        SqlState::GENERATED_ALWAYS,
    ]
    .contains(state)
}

/// The error in a sentence without values: details and contexts of PostgreSQL's hold addresses and bodies.
pub(crate) fn sentence(error: &PostgresError) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} ({})", without_values(error.message()), error.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

/// Messages about input that can't be read quote it: `invalid input syntax for type json: "…"`.
fn without_values(message: &str) -> &str {
    match message.split_once(": \"") {
        Some((before, _)) => before,
        None => message,
    }
}

#[cfg(test)]
mod tests;
