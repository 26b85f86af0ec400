//! The words of `aftersend log`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The file; - for standard input
    #[arg(value_name = "PATH", default_value = "-")]
    pub(crate) path: PathBuf,
    /// Print no line for each mail
    #[arg(long, short)]
    pub(crate) quiet: bool,
}
