//! What can go wrong between this program and the database, sorted by what to do then.

use deadpool_postgres::PoolError;
use tokio_postgres::{Error as PostgresError, error::SqlState};

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
        let Some(state) = error.code() else {
            // A row that an application wrote may hold what this program can't: `infinity` for a time.
            let unreadable = error.to_string().starts_with("error deserializing column");
            return if unreadable { Self::Data(sentence(&error)) } else { Self::Away(sentence(&error)) };
        };
        let repeat = [
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::LOCK_NOT_AVAILABLE,
            // A mail was deleted between its lock and its event.
            SqlState::FOREIGN_KEY_VIOLATION,
            SqlState::QUERY_CANCELED,
        ];
        if repeat.contains(state) {
            Self::Repeat(sentence(&error))
        } else if is_shutdown(state) || *state == SqlState::TOO_MANY_CONNECTIONS {
            Self::Away(sentence(&error))
        } else if is_schema(state) {
            Self::Schema(sentence(&error))
        } else if *state == SqlState::READ_ONLY_SQL_TRANSACTION {
            Self::Blocked(
                "the database is read-only: a standby, or set so; give the primary's address".to_owned(),
            )
        } else if *state == SqlState::DISK_FULL {
            Self::Blocked(
                "the database's disk is full: make room there; nothing is lost meanwhile".to_owned(),
            )
        } else if *state == SqlState::INSUFFICIENT_PRIVILEGE {
            Self::Blocked(format!(
                "the database user may not write: {}; grant it the tables",
                sentence(&error)
            ))
        } else if is_data(state) {
            Self::Data(sentence(&error))
        } else {
            Self::Blocked(format!("the database refused the batch: {}", sentence(&error)))
        }
    }
}

impl From<PoolError> for IngestError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self::Away(other.to_string()),
        }
    }
}

/// Class 22 is data exceptions, 23 what constraints refuse, 54 values beyond a limit of the program.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn is_data(state: &SqlState) -> bool {
    ["22", "23", "54"].iter().any(|class| state.code().starts_with(class))
}

/// Class 08 is lost connections, 57P0x a server that is going down, starting, or whose administrator ended the session.
fn is_shutdown(state: &SqlState) -> bool {
    state.code().starts_with("08") || state.code().starts_with("57P")
}

/// Tables, columns, functions or the unique indexes that `ON CONFLICT` names are missing.
fn is_schema(state: &SqlState) -> bool {
    [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::UNDEFINED_OBJECT,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::INVALID_SCHEMA_NAME,
        SqlState::INVALID_COLUMN_REFERENCE,
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
