#![doc = include_str!("../README.md")]

pub mod browser;
pub mod database;
mod npm;
pub mod pooler;
pub mod queue;

pub use database::{Database, DatabaseProxy, PrivateServer};
pub use pooler::{PoolMode, Pooler};
pub use queue::{QueueProxy, QueueServer};
