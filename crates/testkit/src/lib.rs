#![doc = include_str!("../README.md")]

pub mod database;
pub mod queue;

pub use database::Database;
pub use queue::QueueServer;
