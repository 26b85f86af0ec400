//! The words of `aftersend archive`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::duration;

#[derive(Debug, Subcommand)]
pub(crate) enum ArchiveCommand {
    /// Compress the bodies of older mails. They are shown as before; an application that reads the tables itself can't
    /// read them
    Compress(CompressArgs),
    /// Put compressed bodies back into their mails: for an application that is to read them itself, and before step a7
    /// goes down
    Decompress,
    /// Delete what the configuration says is to be deleted after some time: mails, bodies, raw JSON, addresses
    Prune {
        /// Change nothing, and print what would be deleted
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CompressArgs {
    /// Only bodies of mails that were sent so long ago, such as 12h or 90d [default: archive.compress_after of the
    /// configuration, else 30d]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) older_than: Option<Duration>,
    /// Also in tables that an application made, which can't read the bodies then: `archive decompress` puts them back
    #[arg(long)]
    pub(crate) adopted: bool,
    /// Change nothing, and say how many bodies would be compressed
    #[arg(long)]
    pub(crate) dry_run: bool,
}
