//! The words of `aftersend erase`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// The person's address, such as jane@example.com
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) recipient: String,
    /// Change nothing, and print what would be erased
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
