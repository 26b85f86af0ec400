//! Answers on standard output, for people or for machines.

use std::io::{self, Write};

use serde::Serialize;

/// Where answers go and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

#[expect(clippy::unused_self, reason = "whoever may write has been handed this")]
impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// One line of text.
    pub(crate) fn text(self, line: impl AsRef<str>) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{}", line.as_ref())
    }

    /// One line of JSON.
    pub(crate) fn json(self, value: &impl Serialize) -> anyhow::Result<()> {
        let line = serde_json::to_string(value)?;
        writeln!(io::stdout().lock(), "{line}")?;
        Ok(())
    }

    /// A line that says how things go, for people only.
    pub(crate) fn progress(self, line: impl AsRef<str>) -> io::Result<()> {
        if self.json { Ok(()) } else { self.text(line) }
    }
}

/// A sender's or recipient's text made fit for a terminal: no control characters, which could move its cursor.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

/// A text in a column: cut or filled up to a width in characters.
pub(crate) fn column(text: &str, width: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= width {
        return format!("{text:width$}");
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}
