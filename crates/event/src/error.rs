//! Why a message can't be read, in words that are safe to log.

use std::fmt;

use crate::limits;

/// Why a message can't be read.
///
/// The text says what failed and where: a byte for JSON that is no JSON, a field's path for what a record
/// lacks or has in the wrong shape, a limit by name and number. It repeats nothing of the record but names of
/// types and spellings of times, both cut short: no address, subject or body ever stands in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The message is not UTF-8.
    #[error("the message is no UTF-8 text: invalid byte at offset {offset}")]
    Utf8 {
        /// The first byte that fits nothing, counted from the start of the message.
        offset: usize,
    },
    /// The text is not JSON.
    #[error("{problem} at byte {offset} of {text}")]
    Json {
        /// The byte, counted from the start of `text`.
        offset: usize,
        /// The text that was read as JSON.
        text: Within,
        /// What is wrong there.
        problem: String,
    },
    /// The JSON is neither an SES event nor one of its wrappings.
    #[error(
        "neither an SES event nor a wrapping of one: {text} has no `eventType`, `notificationType`, `Type` or `detail`"
    )]
    NoType {
        /// The text that was read.
        text: Within,
    },
    /// A field that must be there is missing or in the wrong shape.
    #[error("the field `{path}` {problem}")]
    Field {
        /// The way to the field from the event's top (or the wrapping's, for a wrapping's own fields), such
        /// as `bounce.timestamp` or `mail.destination[3]`.
        path: String,
        /// What is wrong with it.
        problem: FieldProblem,
    },
    /// Something is larger than its limit in [`limits`].
    #[error("{what} over the limit {limit} of {max}")]
    OverLimit {
        /// What is too large: a field's path, or the part of the message.
        what: String,
        /// The limit's name in [`limits`].
        limit: &'static str,
        /// The limit's value.
        max: usize,
    },
}

/// Which text a byte offset counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// The message as received.
    Message,
    /// The text in the SNS envelope's field `Message`, its escapes resolved.
    SnsMessage,
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "the message",
            Self::SnsMessage => "the text inside the SNS envelope's `Message`",
        })
    }
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldProblem {
    /// It is not there, or `null`.
    #[error("is missing")]
    Missing,
    /// It is there and says nothing.
    #[error("is empty")]
    Empty,
    /// It is another kind of JSON value.
    #[error("is not {expected}")]
    Not {
        /// What belongs there, with its article.
        expected: &'static str,
    },
    /// It is a text, and no time can be read from it.
    #[error("is not a readable time: {shown}")]
    Time {
        /// The spelling if it consists of characters that times consist of, else its length.
        shown: String,
    },
    /// It is a text with a meaning that this version does not know, where it must know it.
    #[error("is of an unknown kind: {shown}")]
    Kind {
        /// The name if it is short and plain, else its length.
        shown: String,
    },
}

impl ReadError {
    pub(crate) fn missing(path: impl Into<String>) -> Self {
        Self::Field { path: path.into(), problem: FieldProblem::Missing }
    }

    pub(crate) fn not(path: impl Into<String>, expected: &'static str) -> Self {
        Self::Field { path: path.into(), problem: FieldProblem::Not { expected } }
    }

    pub(crate) fn empty(path: impl Into<String>) -> Self {
        Self::Field { path: path.into(), problem: FieldProblem::Empty }
    }

    pub(crate) fn time(path: impl Into<String>, spelling: &str) -> Self {
        let shown = shown(spelling, |c| c.is_ascii_digit() || "-+:.,TtZz ".contains(c));
        Self::Field { path: path.into(), problem: FieldProblem::Time { shown } }
    }

    pub(crate) fn kind(path: impl Into<String>, name: &str) -> Self {
        let shown = shown(name, |c| c.is_ascii_alphanumeric() || "-_ ".contains(c));
        Self::Field { path: path.into(), problem: FieldProblem::Kind { shown } }
    }

    pub(crate) fn over(what: impl Into<String>, limit: &'static str, max: usize) -> Self {
        Self::OverLimit { what: what.into(), limit, max }
    }
}

/// A value as an error may show it: whole if every character is harmless, else by its length alone.
fn shown(value: &str, harmless: impl Fn(char) -> bool) -> String {
    if value.len() <= limits::SHOWN_CHARS_MAX && value.chars().all(harmless) {
        format!("`{value}`")
    } else {
        format!("a text of {} bytes", value.len())
    }
}
