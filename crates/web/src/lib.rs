#![doc = include_str!("../README.md")]

mod assets;
mod bodies;
mod chart;
mod clock;
mod headers;
mod json;
mod notes;
mod numbers;
mod operation;
mod pages;
mod period;
mod rereading;
mod routes;
#[cfg(test)]
mod sample;
mod sentence;
mod server;
mod smtp;
mod text;
mod times;
mod upkeep;
mod words;

pub use operation::{FeedCondition, FeedCounts, FeedDepth, FeedStatus, Operation, Readings, Site};
pub use rereading::{Reread, Rereading};
pub use routes::{operation_router, router};
pub use server::{SHUTDOWN_WAIT_MS_MAX, serve, serve_operation};
pub use upkeep::Upkeep;
