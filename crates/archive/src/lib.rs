#![doc = include_str!("../README.md")]

mod error;
mod format;
mod objects;
mod place;
mod restore;
mod run;
mod search;
mod trouble;
mod verify;

pub use error::ArchiveError;
pub use format::{FORMAT, Manifest};
pub use place::ArchivePlace;
pub use restore::{RestoreWatch, Restored, Wanted, restore};
pub use run::{
    OBJECT_CONTENT_BYTES_MAX, OBJECT_MAILS_MAX, RunOptions, RunPlan, RunProgress, RunReport, older_than,
    plan, run,
};
pub use search::{Holding, Searched, search};
pub use verify::{Fault, VerifyReport, verify};

#[cfg(test)]
mod tests;
