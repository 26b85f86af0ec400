//! Events that SNS posts to an HTTPS endpoint.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html>
//!
//! A request comes in at `server`, is believed or not by `check`, and waits in `feed` for the pump. What is signed, and
//! how it is taken apart, is in `envelope`; whose signature it is, in `certificate` and `certificates`; what may be
//! fetched at all, in `address`.

mod address;
mod certificate;
mod certificates;
mod check;
mod envelope;
mod feed;
mod https;
mod options;
mod refusal;
mod server;
#[cfg(test)]
mod tests;
mod topic;

pub use feed::{HookReceipt, SnsFeed};
pub use options::{HookSecret, HookSecretError, HooksOptions};
pub use refusal::HookCounts;
pub use server::SnsHooks;
pub use topic::{TopicArn, TopicArnError};
