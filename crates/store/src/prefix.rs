//! The Postgres schema that holds the tables.

use std::{fmt, str::FromStr};

/// Bytes of a PostgreSQL identifier at most.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
const IDENTIFIER_BYTES_MAX: usize = 63;

/// The Postgres schema that holds the tables, in the three forms that SQL needs, made once so that no call
/// can get the quoting wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    raw: String,
}

/// A prefix that can't be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// Not of the form that the contract allows.
    #[error(
        "`{0}` is no valid prefix: it begins with a small letter or `_`, followed by small letters, digits and `_`"
    )]
    Form(String),
    /// Longer than PostgreSQL keeps.
    #[error(
        "the prefix has {0} bytes, and PostgreSQL keeps {IDENTIFIER_BYTES_MAX} of a name: choose a shorter one"
    )]
    Length(usize),
    /// `pg_…` and `information_schema` belong to PostgreSQL itself.
    #[error(
        "`{0}` is no usable prefix: `information_schema` and names that begin with `pg_` belong to PostgreSQL"
    )]
    Reserved(String),
}

impl Prefix {
    /// The name as it is.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The name as a quoted identifier. Keywords are valid prefixes, hence the quotes.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.raw)
    }

    /// The name as a string literal.
    pub fn literal(&self) -> String {
        format!("'{}'", self.raw)
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self { raw: "public".to_owned() }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(raw: &str) -> Result<Self, PrefixError> {
        let mut characters = raw.chars();
        let first = characters.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_');
        if !first || !characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
            return Err(PrefixError::Form(raw.chars().take(80).collect()));
        }
        if raw.len() > IDENTIFIER_BYTES_MAX {
            return Err(PrefixError::Length(raw.len()));
        }
        if raw.starts_with("pg_") || raw == "information_schema" {
            return Err(PrefixError::Reserved(raw.to_owned()));
        }
        Ok(Self { raw: raw.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, expected: Result<&str, &str>) {
        let got = raw.parse::<Prefix>();
        match expected {
            Ok(quoted) => assert_eq!(got.unwrap().quoted(), quoted),
            Err(part) => {
                let message = got.unwrap_err().to_string();
                assert!(message.contains(part), "{message}");
            }
        }
    }

    #[test]
    fn a_prefix_is_a_plain_name() {
        check("public", Ok("\"public\""));
        check("_a9", Ok("\"_a9\""));
        check("select", Ok("\"select\""));
        check(&"a".repeat(63), Ok(&format!("\"{}\"", "a".repeat(63))));
        check(&"a".repeat(64), Err("64 bytes"));
        for wrong in ["", "9a", "A", "a-b", "a\"b", "a.b", "ä", "a b", "a;--"] {
            check(wrong, Err("no valid prefix"));
        }
        check("pg_mail", Err("belong to PostgreSQL"));
        check("information_schema", Err("belong to PostgreSQL"));
    }
}
