//! The blocklist as comma-separated values: `email,reason,expires_at`.
//!
//! What is read may also be separated by semicolons or tabs, which the first line decides: spreadsheets write semicolons
//! where a comma stands in numbers, as in much of Europe, and tabs where cells are copied.
//!
//! As RFC 4180 has it, but that a value holds no line break: no address and no reason does.
//! <https://www.rfc-editor.org/rfc/rfc4180>

use std::{
    fmt,
    io::{BufRead, Read},
};

use jiff::Timestamp;

use super::{BadBlock, Block, NewBlock};
use crate::spreadsheet::{marked, unmarked};

/// Bytes of a line at most.
pub const BLOCK_LINE_BYTES_MAX: usize = 4_096;

/// The first line of an export.
pub const CSV_HEADER: &str = "email,reason,expires_at\r\n";

/// The reason of a block whose line gives none.
const REASON_DEFAULT: &str = "imported";

/// A line that names no block.
#[derive(Debug, thiserror::Error)]
pub enum BlockLineError {
    /// The line's content is wrong; the next ones can be read.
    #[error("line {line}: {problem}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong, without quoting it.
        problem: LineProblem,
    },
    /// The source can't be read any further.
    #[error("line {line} can't be read: {error}")]
    Read {
        /// From 1.
        line: u64,
        /// What the system says.
        error: std::io::Error,
    },
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// It names what can't be blocked.
    #[error(transparent)]
    Block(#[from] BadBlock),
    /// It is too long.
    #[error("the line is too long: {BLOCK_LINE_BYTES_MAX} bytes at most")]
    TooLong,
    /// It is no text.
    #[error("the line is not UTF-8")]
    NotText,
    /// A quotation mark is missing or stands inside of a value.
    #[error("a quotation mark is missing, or one stands inside of a value that does not begin with one")]
    Quotes,
    /// It has more values than there are columns.
    #[error("more than three values: email, reason and expires_at")]
    TooManyValues,
    /// Its values are separated in another way than those of the first line.
    #[error("its values are separated by {0}, but not those of the first line: separate all lines alike")]
    Separator(ListSeparator),
    /// The end of the block is no time.
    #[error("the third value is no time: write it like 2026-12-31T00:00:00Z")]
    Time,
}

/// What stands between the values of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListSeparator {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
}

impl ListSeparator {
    /// The likeliest first.
    const ALL: [Self; 3] = [Self::Comma, Self::Semicolon, Self::Tab];

    /// The separator of a file, by its first line: the first behind which an address or a column's name is cut off; else
    /// the first that it has; else a comma.
    fn of_first_line(text: &str) -> Self {
        let found = || Self::ALL.into_iter().filter(|separator| text.contains(separator.char()));
        found().find(|separator| separator.cuts(text)).or_else(|| found().next()).unwrap_or(Self::Comma)
    }

    const fn char(self) -> char {
        match self {
            Self::Comma => ',',
            Self::Semicolon => ';',
            Self::Tab => '\t',
        }
    }

    /// Whether it cuts an address or a column's name off the line's beginning.
    fn cuts(self, text: &str) -> bool {
        values(text, self).is_ok_and(|values| {
            values.len() > 1
                && (is_header(&values[0]) || NewBlock::new(&values[0], REASON_DEFAULT, None).is_ok())
        })
    }
}

impl fmt::Display for ListSeparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Comma => "commas",
            Self::Semicolon => "semicolons",
            Self::Tab => "tabs",
        })
    }
}

/// Reads blocks line by line; a first line of column names is passed over, and so are empty ones.
#[derive(Debug)]
pub struct BlockLines<R> {
    source: R,
    line: u64,
    is_over: bool,
    /// Once there was a line that is not empty.
    separator: Option<ListSeparator>,
}

impl<R: BufRead> BlockLines<R> {
    /// From a file or what was uploaded.
    pub fn new(source: R) -> Self {
        Self { source, line: 0, is_over: false, separator: None }
    }

    /// The next line without its end; nothing behind the last.
    fn next_line(&mut self) -> std::io::Result<Option<Result<String, LineProblem>>> {
        let mut bytes = Vec::new();
        let bytes_max = u64::try_from(BLOCK_LINE_BYTES_MAX + 2).unwrap_or(u64::MAX);
        if self.source.by_ref().take(bytes_max).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let has_end = bytes.ends_with(b"\n");
        while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            bytes.pop();
        }
        if bytes.len() > BLOCK_LINE_BYTES_MAX {
            if !has_end {
                self.skip_line()?;
            }
            return Ok(Some(Err(LineProblem::TooLong)));
        }
        Ok(Some(String::from_utf8(bytes).map_err(|_| LineProblem::NotText)))
    }

    /// Passes over the rest of a line without keeping it.
    fn skip_line(&mut self) -> std::io::Result<()> {
        loop {
            let buffer = self.source.fill_buf()?;
            if buffer.is_empty() {
                return Ok(());
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let passed = end.map_or(buffer.len(), |end| end + 1);
            self.source.consume(passed);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

impl<R: BufRead> Iterator for BlockLines<R> {
    type Item = Result<NewBlock, BlockLineError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            self.line += 1;
            let line = self.line;
            let text = match self.next_line() {
                Ok(Some(Ok(text))) => text,
                Ok(Some(Err(problem))) => return Some(Err(BlockLineError::Line { line, problem })),
                Ok(None) => {
                    self.is_over = true;
                    return None;
                }
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(BlockLineError::Read { line, error }));
                }
            };
            // Spreadsheets put a byte order mark before everything else.
            let text = if line == 1 { text.trim_start_matches('\u{feff}') } else { &text };
            if text.trim().is_empty() {
                continue;
            }
            let is_first = self.separator.is_none();
            let separator = *self.separator.get_or_insert_with(|| ListSeparator::of_first_line(text));
            if is_first && text.split(separator.char()).next().is_some_and(is_header) {
                continue;
            }
            return Some(block(text, separator).map_err(|problem| BlockLineError::Line { line, problem }));
        }
        None
    }
}

fn is_header(value: &str) -> bool {
    let name = value.trim().trim_matches('"').to_lowercase();
    matches!(name.as_str(), "email" | "address")
}

fn block(text: &str, separator: ListSeparator) -> Result<NewBlock, LineProblem> {
    let values = values(text, separator)?;
    let [address, rest @ ..] = values.as_slice() else { return Err(BadBlock::Address.into()) };
    if rest.len() > 2 {
        return Err(LineProblem::TooManyValues);
    }
    let given = |place: usize| rest.get(place).map(|value| value.trim()).filter(|value| !value.is_empty());
    let expires_at = given(1).map(str::parse::<Timestamp>).transpose().map_err(|_| LineProblem::Time)?;
    NewBlock::new(address, given(0).unwrap_or(REASON_DEFAULT), expires_at).map_err(|why| {
        let mut others =
            ListSeparator::ALL.into_iter().filter(|other| *other != separator && other.cuts(text));
        match (why, others.next()) {
            (BadBlock::Address | BadBlock::Host, Some(other)) => LineProblem::Separator(other),
            _ => why.into(),
        }
    })
}

/// The values of a line, without their quotation marks and without the mark that keeps spreadsheets from calculating.
fn values(text: &str, separator: ListSeparator) -> Result<Vec<String>, LineProblem> {
    let separator = separator.char();
    let mut values = Vec::new();
    let mut rest = text;
    loop {
        let (value, behind) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_value(quoted)?
        } else {
            let (value, behind) = rest.split_at(rest.find(separator).unwrap_or(rest.len()));
            if value.contains('"') {
                return Err(LineProblem::Quotes);
            }
            (value.to_owned(), behind)
        };
        values.push(unmarked(&value));
        match behind.strip_prefix(separator) {
            Some(behind) => rest = behind,
            None if behind.trim().is_empty() => return Ok(values),
            None => return Err(LineProblem::Quotes),
        }
    }
}

/// A value up to its closing quotation mark, two of which stand for one, and what is behind it.
fn quoted_value(text: &str) -> Result<(String, &str), LineProblem> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"').ok_or(LineProblem::Quotes)?;
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(behind) => {
                value.push('"');
                rest = behind;
            }
            None => return Ok((value, rest)),
        }
    }
}

/// A block as a line of an export. What a spreadsheet would take for a formula is marked, and read back without the mark.
pub fn csv_line(block: &Block) -> String {
    let expires_at = block.expires_at.map(|at| at.to_string()).unwrap_or_default();
    format!("{},{},{expires_at}\r\n", csv_value(&block.address), csv_value(&block.reason))
}

fn csv_value(text: &str) -> String {
    let is_plain = !text.contains(['"', ',', ';', '\t', '\n', '\r']) && text.trim() == text;
    let text = marked(text);
    if is_plain { text.into_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<Result<NewBlock, BlockLineError>> {
        BlockLines::new(text.as_bytes()).collect()
    }

    fn problem(text: &[u8]) -> (u64, LineProblem) {
        let mut lines = BlockLines::new(text).filter_map(Result::err);
        match (lines.next(), lines.next()) {
            (Some(BlockLineError::Line { line, problem }), None) => (line, problem),
            other => panic!("{other:?}"),
        }
    }

    fn new(address: &str, reason: &str, expires_at: Option<&str>) -> NewBlock {
        NewBlock::new(address, reason, expires_at.map(|at| at.parse().unwrap())).unwrap()
    }

    #[test]
    fn lines_are_read_with_and_without_header_reason_and_end() {
        let text = "\u{feff}Email,reason,expires_at\r\n\
                    Ann@Example.com\r\n\
                    \n\
                    ben@example.com,left us,2026-12-31T00:00:00Z\n\
                    \"cem@example.com\",\"said \"\"no\"\", twice\"\n\
                    '=dan@example.com,'-,";
        let found: Vec<NewBlock> = read(text).into_iter().map(Result::unwrap).collect();
        let expected = [
            new("ann@example.com", "imported", None),
            new("ben@example.com", "left us", Some("2026-12-31T00:00:00Z")),
            new("cem@example.com", "said \"no\", twice", None),
            new("=dan@example.com", "-", None),
        ];
        assert_eq!(found, expected);
    }

    /// Spreadsheets write these where a comma stands in numbers, as in much of Europe.
    #[test]
    fn semicolons_and_tabs_separate_where_the_first_line_has_them() {
        let expected = [
            new("ann@example.com", "bounce, twice", Some("2026-12-31T00:00:00Z")),
            new("ben@example.com", "said \"no; never\"", None),
            new("cem@example.com", "imported", None),
        ];
        for separator in [";", "\t"] {
            let lines = "ann@example.com|bounce, twice|2026-12-31T00:00:00Z\r\n\
                         ben@example.com|\"said \"\"no; never\"\"\"|\r\n\
                         \"cem@example.com\"||\r\n"
                .replace('|', separator);
            for header in ["", "\u{feff}email|reason|expires_at\r\n", "\r\nAddress|Reason, if any\r\n"] {
                let text = header.replace('|', separator) + &lines;
                let found: Vec<NewBlock> = read(&text).into_iter().map(Result::unwrap).collect();
                assert_eq!(found, expected, "{text:?}");
            }
        }
        // Where a comma separates, these are as good as any character.
        let text = "ann@example.com,no; never\r\nben@example.com,no; never";
        let found: Vec<NewBlock> = read(text).into_iter().map(Result::unwrap).collect();
        assert_eq!(found, ["ann", "ben"].map(|name| new(&format!("{name}@example.com"), "no; never", None)));
    }

    #[test]
    fn what_is_wrong_is_told_by_line_and_does_not_stop_the_rest() {
        let good = "a@x.org\n";
        let long = "x".repeat(BLOCK_LINE_BYTES_MAX + 1);
        let longer = "x".repeat(100_000);
        for (line, expected) in [
            ("nobody", LineProblem::Block(BadBlock::Address)),
            ("a b@x.org", LineProblem::Block(BadBlock::Address)),
            ("a@x.org,\"r", LineProblem::Quotes),
            ("a@x.org,r\"", LineProblem::Quotes),
            ("a@x.org,\"r\"x", LineProblem::Quotes),
            ("a@x.org,r,,", LineProblem::TooManyValues),
            ("a@x.org,r,tomorrow", LineProblem::Time),
            ("a@x.org;r;", LineProblem::Separator(ListSeparator::Semicolon)),
            ("a@x.org\tr", LineProblem::Separator(ListSeparator::Tab)),
            ("a@x.org>", LineProblem::Block(BadBlock::Host)),
            ("nobody;r;", LineProblem::Block(BadBlock::Address)),
            (&long, LineProblem::TooLong),
            (&longer, LineProblem::TooLong),
        ] {
            let text = format!("{good}{line}\n{good}");
            assert_eq!(problem(text.as_bytes()), (2, expected), "{line}");
            assert_eq!(read(&text).into_iter().filter_map(Result::ok).count(), 2, "{line}");
        }
        let mixed = b"a@x.org;r;\na@x.org,r,\na@x.org;;";
        assert_eq!(problem(mixed), (2, LineProblem::Separator(ListSeparator::Comma)));
        assert_eq!(problem(b"a@x.org\n\xff@x.org\na@x.org"), (2, LineProblem::NotText));
    }

    fn block_of(address: String, reason: String, expires_at: Option<Timestamp>) -> Block {
        let now = Timestamp::UNIX_EPOCH;
        Block { address, reason, expires_at, holds: true, user: None, inserted_at: now, updated_at: now }
    }

    proptest! {
        /// Whatever the list holds is read back as it was, and no value begins a formula.
        #[test]
        fn an_export_is_read_back(
            address in "[a-z=+'\"-]{1,8}@[a-z]{1,5}\\.org",
            reason in "[a-z =+@,;'\"-]{0,9}[a-z]",
            second in proptest::option::of(0_i64..4_000_000_000),
        ) {
            let expires_at = second.map(|second| Timestamp::from_second(second).unwrap());
            let Ok(expected) = NewBlock::new(&address, &reason, expires_at) else { return Ok(()) };
            let line = csv_line(&block_of(expected.address.clone(), expected.reason.clone(), expires_at));
            let cell = match line.strip_prefix('"') {
                Some(quoted) => quoted_value(quoted).unwrap().0,
                None => line.clone(),
            };
            prop_assert!(!cell.starts_with(['=', '+', '-', '@']), "{}", line);
            let found: Vec<NewBlock> =
                BlockLines::new(format!("{CSV_HEADER}{line}").as_bytes()).map(Result::unwrap).collect();
            prop_assert_eq!(found, vec![expected]);
        }
    }
}
