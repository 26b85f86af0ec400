//! Text that no spreadsheet takes for a formula.
//!
//! What begins like a formula gets an apostrophe in front, which spreadsheets take for the beginning of a text. A cell does
//! not begin where its value begins alone: where lists are separated by semicolons, as in much of Europe, a spreadsheet cuts
//! a file's lines at those, and knows no quotation that begins in the middle of what it takes for a cell.
//! <https://owasp.org/www-community/attacks/CSV_Injection>

use std::borrow::Cow;

/// What keeps the text behind it from being a formula.
const MARK: char = '\'';

/// What may begin a formula, in any cell.
const FORMULA_BEGINNINGS: [char; 4] = ['=', '+', '-', '@'];

/// What may come to begin one where a value begins: the first of its characters that a spreadsheet leaves out.
const BLANKS: [char; 3] = ['\t', '\r', '\n'];

/// Behind what a spreadsheet may begin a cell within a value.
const SEPARATORS: [char; 4] = [';', '\t', '\r', '\n'];

/// The text with a mark wherever a formula could begin.
pub(crate) fn marked(text: &str) -> Cow<'_, str> {
    if !cells(text).any(|(cell, is_first)| needs_mark(cell, is_first)) {
        return Cow::Borrowed(text);
    }
    let mut marked = String::with_capacity(text.len() + 4);
    for (cell, is_first) in cells(text) {
        if needs_mark(cell, is_first) {
            marked.push(MARK);
        }
        marked.push_str(cell);
    }
    Cow::Owned(marked)
}

/// The text that was [`marked`].
pub(crate) fn unmarked(text: &str) -> String {
    cells(text)
        .map(|(cell, is_first)| {
            let behind_mark = cell.strip_prefix(MARK).filter(|behind| needs_mark(behind, is_first));
            behind_mark.unwrap_or(cell)
        })
        .collect()
}

/// The parts that a spreadsheet may make cells of, each with the separator at its end, and whether it is the first.
fn cells(text: &str) -> impl Iterator<Item = (&str, bool)> {
    text.split_inclusive(SEPARATORS).enumerate().map(|(place, cell)| (cell, place == 0))
}

/// Quotation marks are left out where they stand for others, and marks have to stand for themselves.
fn needs_mark(cell: &str, is_first: bool) -> bool {
    cell.trim_start_matches([MARK, '"'])
        .starts_with(|first| FORMULA_BEGINNINGS.contains(&first) || is_first && BLANKS.contains(&first))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_beginning_of_a_cell_is_guarded() {
        for (text, expected) in [
            ("plain; text", "plain; text"),
            ("a=b-c", "a=b-c"),
            ("=1", "'=1"),
            ("\t=1", "'\t'=1"),
            ("a;=1", "a;'=1"),
            ("a;\"=1;b", "a;'\"=1;b"),
            ("a\n@b\r\n-c", "a\n'@b\r\n'-c"),
            ("a\r\nb", "a\r\nb"),
            ("'=1", "''=1"),
            ("'a", "'a"),
            (";+", ";'+"),
        ] {
            assert_eq!(marked(text), expected, "{text:?}");
        }
    }

    /// The cells that a spreadsheet makes of a line of CSV when it separates lists by semicolons: a quotation mark means
    /// something only where a cell begins, and what follows behind a quotation belongs to its cell.
    fn cells_by_semicolons(line: &str) -> Vec<String> {
        let mut cells = vec![String::new()];
        let mut characters = line.chars().peekable();
        let (mut begins, mut is_quoted) = (true, false);
        while let Some(character) = characters.next() {
            let cell = cells.last_mut().unwrap();
            match character {
                '"' if begins => is_quoted = true,
                '"' if is_quoted && characters.next_if_eq(&'"').is_some() => cell.push('"'),
                '"' if is_quoted => is_quoted = false,
                ';' | '\n' | '\r' | '\t' if !is_quoted => {
                    cells.push(String::new());
                    begins = true;
                    continue;
                }
                other => cell.push(other),
            }
            begins = false;
        }
        cells
    }

    proptest! {
        #[test]
        fn what_was_marked_is_read_back_and_no_cell_is_a_formula(text in "[a;=+@'\"\t\r\n-]{0,12}") {
            let marked = marked(&text);
            prop_assert_eq!(unmarked(&marked), text.clone());
            let line = format!("x,\"{}\"", marked.replace('"', "\"\""));
            for cell in cells_by_semicolons(&line) {
                prop_assert!(!cell.starts_with(FORMULA_BEGINNINGS), "{:?} in {:?}", cell, line);
            }
        }
    }
}
