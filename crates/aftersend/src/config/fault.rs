//! What is wrong with the configuration, and where.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A file that was asked for by name.
    #[error("{named_by} names the configuration file {}, which can't be read: {reason}", path.display())]
    Named { named_by: &'static str, path: PathBuf, reason: io::Error },
    /// A file in one of the usual places.
    #[error(
        "the configuration file {} is there and can't be read: {reason}. Run this as a user who may, or name another \
         with --config (/dev/null for none)",
        path.display()
    )]
    Found { path: PathBuf, reason: io::Error },
    /// A file in the current folder that somebody else may have put there.
    #[error(
        "the configuration file {0} belongs to another user or may be written by everyone, so it is not used unasked; \
         if it is the one you mean, say --config {0}",
        path.display()
    )]
    Foreign { path: PathBuf },
    /// Settings that can't be what was meant; all of them, in the order in which they were found.
    #[error("{}", listed(.0))]
    Faults(Vec<Fault>),
}

impl ConfigError {
    /// What is wrong, one by one.
    pub(crate) fn sentences(&self) -> Vec<String> {
        match self {
            Self::Faults(faults) => faults.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        }
    }

    /// Whether the command line is to blame, for any of it.
    pub(crate) fn is_of_command_line(&self) -> bool {
        let Self::Faults(faults) = self else { return false };
        faults.iter().any(|fault| matches!(fault.place, Place::Flag(_)))
    }
}

/// One setting that can't be what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(super) place: Place,
    /// What is wrong and what would be right. Never a secret's value.
    pub(super) what: String,
}

/// Where a fault is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Flag(&'static str),
    Variable(&'static str),
    File {
        path: PathBuf,
        position: Position,
    },
    /// In what is missing everywhere.
    Nowhere,
}

/// A place in a text, for people and editors: both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    /// Where the byte `offset` of the text stands.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Self { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

impl Fault {
    pub(super) fn in_file(path: &Path, position: Position, what: impl Into<String>) -> Self {
        Self { place: Place::File { path: path.to_owned(), position }, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Flag(flag) => write!(f, "{flag}: {}", self.what),
            Place::Variable(name) => write!(f, "the variable {name}: {}", self.what),
            Place::File { path, position: Position { line, column } } => {
                write!(f, "{}, line {line}, column {column}: {}", path.display(), self.what)
            }
            Place::Nowhere => f.write_str(&self.what),
        }
    }
}

fn listed(faults: &[Fault]) -> String {
    if let [fault] = faults {
        return fault.to_string();
    }
    let lines: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    format!("{} settings can't be used:{}", faults.len(), lines.concat())
}

/// The name that somebody may have meant by another, which no one has.
pub(super) fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // Of a short name one letter may be wrong, of a long one a third of them.
    let distance_max = (wrong.chars().count() / 3).max(1);
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, _)| *distance <= distance_max)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_1() {
        let text = "a = 1\nschlüssel = 2\r\n\nb";
        let position = |offset| {
            let Position { line, column } = Position::of(text, offset);
            (line, column)
        };
        assert_eq!(position(0), (1, 1));
        assert_eq!(position(text.find('=').unwrap()), (1, 3));
        assert_eq!(position(text.rfind('=').unwrap()), (2, 11));
        assert_eq!(position(text.find('b').unwrap()), (4, 1));
        assert_eq!(position(text.len() + 7), (4, 2));
        // In the middle of a character.
        assert_eq!(position(text.find('ü').unwrap() + 1), (2, 5));
    }

    #[test]
    fn a_name_is_near_when_some_letters_are_wrong() {
        let near = |wrong| nearest(wrong, ["queue", "prefix", "database_url", "url"]);
        assert_eq!(near("quue"), Some("queue"));
        assert_eq!(near("databse_ulr"), Some("database_url"));
        assert_eq!(near("ulr"), Some("url"));
        assert_eq!(near("colour"), None);
    }
}
