//! The words of `aftersend figures`.

use clap::Subcommand;
use jiff::Timestamp;

#[derive(Debug, Subcommand)]
pub(crate) enum FiguresCommand {
    /// Count the mails anew, quarter of an hour by quarter, the newest first: after mails were changed or removed by hand.
    /// The sums that are there are shown until theirs are counted. Ended early, `serve` goes on with it
    Rebuild {
        /// Only mails sent at this time or later, such as 2026-09-01T00:00:00Z [default: all]
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// Only mails sent before this time [default: all]
        #[arg(long, value_name = "TIME")]
        to: Option<Timestamp>,
    },
}
