#![doc = include_str!("../README.md")]

mod file;
#[cfg(test)]
mod fixture;
mod pump;
mod split;
mod sqs;

pub use file::FileFeed;
pub use pump::{Feed, FeedError, Patience, Pump, PumpError, Received, Refused, Shutdown, Tally};
pub use sqs::{QueueOptions, QueueOptionsError, SqsFeed};
