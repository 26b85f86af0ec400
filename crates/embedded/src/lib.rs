#![doc = include_str!("../README.md")]

mod error;
mod find;
mod initialise;
mod log;
mod place;
mod postmaster;
mod run;
mod server;
mod share;
mod socket;
mod tool;

#[cfg(test)]
mod tests;

pub use error::{StartError, StopError};
pub use find::{Installations, MAJOR_MAX, MAJOR_MIN};
pub use server::{Connection, Options, Server};
