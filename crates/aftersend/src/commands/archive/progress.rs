//! How far a job is, on standard error: a bar on a terminal, else a line every few seconds.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::commands::migrate::text;

/// How often a line is written where there is no terminal, at most.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how far a job is. Dropped, it takes its bar away.
pub(super) struct Shown {
    bar: Option<ProgressBar>,
    total: u64,
    line_at: Instant,
}

impl Shown {
    /// Of so many; what is only estimated may turn out to be more.
    pub(super) fn new(total: u64) -> Self {
        let bar = io::stderr().is_terminal().then(|| ProgressBar::new(total));
        if let (Some(bar), Ok(style)) =
            (&bar, ProgressStyle::with_template("[{bar:20}] {percent} %  {wide_msg}"))
        {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, total, line_at: Instant::now() }
    }

    /// So many are done, which says this.
    pub(super) fn report(&mut self, done: u64, says: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done.min(self.total));
            bar.set_message(says.to_owned());
        } else if self.line_at.elapsed() >= LINE_EVERY {
            self.line_at = Instant::now();
            eprintln!("{} of {}: {says}", text::number(done), text::number(self.total.max(done)));
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A number of bytes for people.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let (mut tenths, mut unit) = (bytes / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_are_said_in_few_digits() {
        for (number, said) in
            [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (999_999, "999.9 kB"), (1_250_000, "1.2 MB")]
        {
            assert_eq!(super::bytes(number), said);
        }
        assert_eq!(super::bytes(u64::MAX), "18446744.0 TB");
    }
}
