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
    /// Write old mails, with events, recipients and bodies, to a folder or to S3, prove that they are there, and let them
    /// go here if `archive.delete_archived` says so. Ended early, the next run goes on with it
    Run(RunArgs),
    /// Read everything in the archive, and compare it with its manifests and with the database; exit with 1 where something
    /// that the database counts on is missing or damaged
    Verify(PlaceArgs),
    /// Bring mails back from the archive, as they were. What is here stays, so it may be done again
    Restore(RestoreArgs),
    /// Say how jobs stand: what ran last, what comes next, what a failure asks for. Then what large deletes have left free in
    /// files, and what is in the archive
    Status,
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

#[derive(Clone, Debug, Args)]
pub(crate) struct PlaceArgs {
    /// Where the archive is: file:///folder or s3://bucket/folder [default: archive.store of the configuration]
    #[arg(long = "from", value_name = "URL")]
    pub(crate) store: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Where to write to: file:///folder or s3://bucket/folder [default: archive.store of the configuration]
    #[arg(long = "to", value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Only mails that were sent so long ago, such as 90d [default: archive.archive_after of the configuration]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) older_than: Option<Duration>,
    /// Change nothing, and say how many mails would be archived
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go through all mails, also those that earlier runs have been at: for what an application has changed in its own rows
    #[arg(long)]
    pub(crate) whole: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Only this mail: our uuid, the application's message id or an SES id; once for each [default: all of them]
    #[arg(long = "mail", value_name = "ID")]
    pub(crate) mails: Vec<String>,
}
