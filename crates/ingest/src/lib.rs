#![doc = include_str!("../README.md")]

mod busy;
mod documents;
mod feed;
mod file;
#[cfg(test)]
mod fixture;
mod joining;
mod keeping;
mod observe;
mod pump;
mod replay;
mod shutdown;
mod sns;
mod split;
mod sqs;

pub use documents::{Documents, FoundDocument};
pub use feed::{Feed, FeedError, Received};
pub use file::FileFeed;
pub use joining::{join_continually, join_through};
pub use keeping::keep_figures_continually;
pub use observe::{Commit, Committed, Condition, Observer, Refused};
pub use pump::{Intake, Patience, Pump, PumpError, Storage, Tally};
pub use replay::replay;
pub use shutdown::Shutdown;
pub use sns::{
    HookCounts, HookReceipt, HookSecret, HookSecretError, HooksOptions, SnsFeed, SnsHooks, TopicArn,
    TopicArnError,
};
pub use sqs::{
    DeadLetterQueue, Encryption, POLLERS_DEFAULT, POLLERS_MAX, Permission, QueueAction, QueueDepth,
    QueueFindings, QueueInspector, QueueOptions, QueueOptionsError, QueueRefusal, QueueSettings, Redrive,
    SqsFeed, SqsReceipt, VISIBILITY_TIMEOUT_S_MAX,
};
