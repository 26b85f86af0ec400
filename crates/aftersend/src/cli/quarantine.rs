//! The words of `aftersend quarantine`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List the messages, newest first, without their bodies
    List {
        #[command(flatten)]
        filter: FilterArgs,
        /// How many messages to list
        #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Only messages older than the one with this id: the last one of the page before
        #[arg(long, value_name = "ID")]
        before: Option<String>,
    },
    /// Show one message with its body
    Show {
        /// The message's id, or the first digits of it
        #[arg(value_name = "ID")]
        id: String,
        /// Write the body to standard output, byte for byte, and nothing else
        #[arg(long)]
        raw: bool,
    },
    /// Read messages anew: what can be stored now leaves the quarantine, and what can't stays with its reason; exit
    /// with 1 where something stays
    Replay {
        #[command(flatten)]
        selection: QuarantineSelection,
    },
    /// Drop messages for good
    Drop {
        #[command(flatten)]
        selection: QuarantineSelection,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Which messages, by what is known of them.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Only messages that this kind of feed delivered: file, sqs
    #[arg(long, value_name = "FEED")]
    pub(crate) feed: Option<String>,
    /// Only messages whose reason has this part, in any case
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// Some messages by name, or all that fit.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["ids", "all"]))]
pub(crate) struct QuarantineSelection {
    /// The messages' ids, or the first digits of them
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// All messages, or all that --feed and --reason leave
    #[arg(long)]
    pub(crate) all: bool,
    /// With --all: only messages that this kind of feed delivered: file, sqs
    #[arg(long, value_name = "FEED", conflicts_with = "ids")]
    pub(crate) feed: Option<String>,
    /// With --all: only messages whose reason has this part, in any case
    #[arg(long, value_name = "TEXT", conflicts_with = "ids")]
    pub(crate) reason: Option<String>,
}
