//! The words of the command line. The comments of fields are the help that people read.

use std::{env, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

/// Measures Aftersend on a private PostgreSQL server of its own
#[derive(Debug, Parser)]
#[command(name = "script/bench", bin_name = "script/bench")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Step 137 on a large database, online and in one transaction, with and without an application that writes
    Migrate(MigrateOptions),
    /// Storing events beside a million older mails, against the least that the server must do for the same rows, and
    /// against a row at a time; and taking them from a queue
    Ingest(IngestOptions),
    /// The site's pages on many mails, against plain queries, and an export; the data is made once and kept
    Search(SearchOptions),
    /// Compressing the bodies of older mails, against other ways of keeping them, with and without an application that
    /// writes; and reading them
    Archive(ArchiveOptions),
}

/// Where the bench works, and what with.
#[derive(Debug, Args)]
pub(crate) struct PlaceOptions {
    /// Where to put the server's data, in a new folder that is removed at the end; that of `search` is kept there
    #[arg(long, default_value_os_t = env::temp_dir(), value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// The program to measure, if not the one beside this program
    #[arg(long, value_name = "PATH")]
    pub(crate) aftersend: Option<PathBuf>,
    /// Write the report to a file, too
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateOptions {
    /// How many mails to generate; events, duplicates and ids to backfill go with them
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=100_000_000))]
    pub(crate) mails: u32,
    /// How often to run each way in each situation; the figures are medians
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) runs: u32,
    /// How many transactions a second the application writes
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(4..=10_000))]
    pub(crate) writes_per_second: u32,
    /// How many duplicates of older events a second it writes besides, in runs of their own; 0 leaves those runs out
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) duplicates_per_second: u32,
    /// How many identical opens of one mail, and then ten times as many; 0 leaves those runs out
    #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    pub(crate) opens: u32,
    /// How long the application writes before each step begins
    #[arg(long, default_value = "2", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) lead_seconds: Duration,
    /// How long to measure the application alone, which tells what the disk and the machine cost without any step;
    /// 0 leaves that out
    #[arg(long, default_value = "20", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) alone_seconds: Duration,
    #[command(flatten)]
    pub(crate) place: PlaceOptions,
}

#[derive(Debug, Args)]
pub(crate) struct IngestOptions {
    /// How many mails the events are about, four events each
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=10_000_000))]
    pub(crate) mails: u32,
    /// How many older mails with some three events each are there before
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=100_000_000))]
    pub(crate) older_mails: u32,
    /// How often to run each way; the figures are medians
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) runs: u32,
    /// About how many of the events to store a row at a time: all those of every so-manieth mail
    #[arg(long, default_value_t = 40_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=40_000_000))]
    pub(crate) row_events: u32,
    /// About how many of the events to put into a queue, in the same way; 0 leaves the queue out, which needs npm
    #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(crate) messages: u32,
    #[command(flatten)]
    pub(crate) place: PlaceOptions,
}

#[derive(Debug, Args)]
pub(crate) struct SearchOptions {
    /// How many mails to search, with some three events each; data of each size is made once and kept
    #[arg(long, default_value_t = 10_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(3_000..=100_000_000))]
    pub(crate) mails: u32,
    /// How often to ask for each page
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) requests: u32,
    /// How often to run each plain query, which is stopped after 30 seconds; 0 leaves them out
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub(crate) plain_runs: u32,
    /// How many mails to export; 0 leaves that out
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100_000_000))]
    pub(crate) export_mails: u32,
    #[command(flatten)]
    pub(crate) place: PlaceOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ArchiveOptions {
    /// How many mails with bodies to generate, of a hundred templates, sent over three months
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    pub(crate) mails: u32,
    /// How many bodies to read, each alone
    #[arg(long, default_value_t = 5_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) reads: u32,
    /// How many mails a second the application changes while bodies are compressed
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) writes_per_second: u32,
    #[command(flatten)]
    pub(crate) place: PlaceOptions,
}

/// A time at most an hour.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.0..=3600.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds from 0 to 3600, such as 2 or 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_bounded() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert!(seconds("-1").is_err());
        assert!(seconds("NaN").is_err());
        assert!(seconds("3601").is_err());
    }
}
