//! Numbers with units, and lines that fit the terminal.

use std::fmt::Write as _;

use aftersend_store::schema::Amount;

/// Columns where nobody looks on: a file, or a pipe.
const COLUMNS_DEFAULT: usize = 100;
/// Lines are no narrower, however small the window.
const COLUMNS_MIN: usize = 40;

/// How wide the terminal behind standard output is.
pub(super) fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    size.map_or(COLUMNS_DEFAULT, |size| usize::from(size.ws_col).max(COLUMNS_MIN))
}

/// `1,234,567`.
pub(in crate::commands) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 mail`, `2,000 mails`.
pub(in crate::commands) fn count_of(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// `1 row`, `about 2,000 rows`.
pub(super) fn counted(amount: Amount, what: &str) -> String {
    let about = if amount.measured { "" } else { "about " };
    let plural = if amount.number == 1 { "" } else { "s" };
    format!("{about}{} {what}{plural}", number(amount.number))
}

/// As PostgreSQL prints sizes, in steps of 1,024.
pub(super) fn bytes(amount: Amount) -> String {
    let about = if amount.measured { "" } else { "about " };
    let mut rest = amount.number;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if rest < 10 * 1024 {
            return format!("{about}{} {unit}", number(rest));
        }
        rest = (rest + 512) / 1024;
    }
    format!("{about}{} TB", number(rest))
}

/// `40 ms`, `1.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub(in crate::commands) fn seconds(seconds: f64) -> String {
    if seconds < 0.995 {
        return format!("{:.0} ms", (seconds * 1_000.0).floor());
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    // A float turns into the nearest integer that there is.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds are positive and few"
    )]
    let whole = seconds.round() as u64;
    match whole {
        0..120 => format!("{whole} s"),
        120..7_200 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", number(whole / 3_600), whole % 3_600 / 60),
    }
}

/// `a, b and c`.
pub(in crate::commands) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Text in lines of so many columns at most.
pub(super) struct Page {
    columns: usize,
    text: String,
}

impl Page {
    pub(super) fn new(columns: usize) -> Self {
        Self { columns, text: String::new() }
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    /// A line as it is.
    pub(super) fn line(&mut self, line: &str) {
        writeln!(self.text, "{}", line.trim_end()).expect("a String takes any text");
    }

    /// Lines that begin so many columns in.
    pub(super) fn paragraph(&mut self, indent: usize, words: &str) {
        let first = " ".repeat(indent);
        self.wrapped(&first, indent, words.split(' '));
    }

    /// Lines behind a mark.
    pub(super) fn item(&mut self, mark: &str, words: &str) {
        self.wrapped(mark, mark.chars().count(), words.split(' '));
    }

    /// Lines behind a label.
    pub(super) fn labelled(&mut self, indent: usize, width: usize, label: &str, words: &str) {
        let first = format!("{:indent$}{label:<width$}", "");
        self.wrapped(&first, indent + width, words.split(' '));
    }

    /// Statements behind a label, without their comments, their own lines kept.
    pub(super) fn sql<'s>(
        &mut self,
        indent: usize,
        width: usize,
        label: &str,
        statements: impl Iterator<Item = &'s str>,
    ) {
        let mut label = label;
        for statement in statements {
            let lines: Vec<&str> = statement
                .lines()
                .filter(|line| !line.trim_start().starts_with("--") && !line.trim().is_empty())
                .collect();
            for (place, line) in lines.iter().enumerate() {
                let own = line.len() - line.trim_start().len();
                let mut line = line.trim().to_owned();
                if place + 1 == lines.len() && !line.ends_with(';') {
                    line.push(';');
                }
                let first = format!("{:indent$}{label:<width$}{:own$}", "", "");
                label = "";
                // What does not fit stands a bit further in.
                self.wrapped(&first, indent + width + own + 4, outside_quotes(&line).into_iter());
            }
        }
    }

    fn wrapped<'w>(&mut self, first: &str, indent: usize, words: impl Iterator<Item = &'w str>) {
        let mut line = first.to_owned();
        let mut width = line.chars().count();
        let mut empty = true;
        for word in words {
            let length = word.chars().count();
            if !empty && width + 1 + length > self.columns {
                self.line(&line);
                line = " ".repeat(indent);
                width = indent;
                empty = true;
            }
            if !empty {
                line.push(' ');
                width += 1;
            }
            line.push_str(word);
            width += length;
            empty = false;
        }
        self.line(&line);
    }
}

/// The words of a line of SQL; what stands in quotes is one.
fn outside_quotes(line: &str) -> Vec<&str> {
    let (mut words, mut start, mut quoted) = (Vec::new(), 0, false);
    for (place, character) in line.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => {
                words.push(&line[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    words.push(&line[start..]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units_and_say_whether_they_were_counted() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(counted(Amount::counted(1), "row"), "1 row");
        assert_eq!(counted(Amount::estimated(20_000), "row"), "about 20,000 rows");
        assert_eq!(bytes(Amount::counted(8_192)), "8,192 bytes");
        assert_eq!(bytes(Amount::counted(16_384)), "16 kB");
        assert_eq!(bytes(Amount::estimated(3 << 30)), "about 3,072 MB");
        assert_eq!(bytes(Amount::counted(1 << 50)), "1,024 TB");
        for (given, expected) in
            [(0.01, "10 ms"), (1.44, "1.4 s"), (9.97, "10 s"), (119.6, "2 min 0 s"), (90_000.0, "25 h 0 min")]
        {
            assert_eq!(seconds(given), expected);
        }
    }

    #[test]
    fn lines_fit_but_for_words_that_are_longer() {
        let mut page = Page::new(20);
        page.labelled(2, 6, "takes", "more than a few of these words");
        page.sql(0, 2, "", ["-- not this\nCOMMENT ON TABLE x IS 'one two three four five'"].into_iter());
        assert_eq!(
            page.finish(),
            "  takes more than a\n        few of these\n        words\n  COMMENT ON TABLE x\n      IS\n      'one two three four five';\n"
        );
    }
}
