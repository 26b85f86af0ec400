//! What can go wrong, and what to do about it.

use aftersend_store::{EraseError, IngestError, QueryError};

use crate::trouble::{Trouble, of_folder};

/// Why nothing was archived, checked or brought back, or not all of it. Whatever it is, no mail has left the database that
/// is not in a proven object.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The address of the archive can't be read.
    #[error(
        "`{url}` is no place for an archive: {reason}. It looks like file:///var/lib/mails or s3://bucket/folder"
    )]
    Place {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder can't be made, or not be used.
    #[error("the folder of the archive {url} can't be used: {reason}. {advice}")]
    Folder {
        /// As it was given.
        url: String,
        /// What the system said.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// There is nothing to be read.
    #[error(
        "there is no folder {0}, so that there is no archive to read. Correct the address, or mount what belongs there"
    )]
    NoFolder(String),
    /// Nobody says who we are to the storage.
    #[error(
        "there are no AWS credentials for the archive in {place}: {reason}. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, or give this machine a role"
    )]
    Credentials {
        /// Where the archive is.
        place: String,
        /// What AWS's own search found.
        reason: String,
    },
    /// AWS's own settings have a value that is none.
    #[error("{name} of the archive's bucket can't be used: {reason}. It is given by {given_by}")]
    Setting {
        /// Which of them.
        name: &'static str,
        /// What gives it.
        given_by: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The storage refused, failed or fell silent.
    #[error("{action} {name} in the archive {place} failed: {reason}. {advice}")]
    Storage {
        /// What was done: writing, reading, removing, listing.
        action: &'static str,
        /// The object.
        name: String,
        /// Where the archive is.
        place: String,
        /// What the storage said.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// What is there is not what was sent, or no object of ours.
    #[error("the object {name} is damaged: {reason}")]
    Damaged {
        /// The object.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Another runner took this one for dead, and gave up its object.
    #[error(
        "another archiver gave up the object {0}, which this one was writing; its mails are here, for the next run"
    )]
    GivenUp(String),
    /// The person could not be looked for.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// The database could not be asked.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The database could not be written to.
    #[error(transparent)]
    Store(#[from] IngestError),
}

impl ArchiveError {
    pub(crate) fn storage(
        action: &'static str,
        name: &str,
        place: &str,
        Trouble { reason, advice }: Trouble,
    ) -> Self {
        Self::Storage { action, name: name.to_owned(), place: place.to_owned(), reason, advice }
    }

    pub(crate) fn folder(url: &str, error: &std::io::Error) -> Self {
        Self::Folder { url: url.to_owned(), reason: error.to_string(), advice: of_folder(error.kind()) }
    }

    pub(crate) fn damaged(name: &str, reason: impl Into<String>) -> Self {
        Self::Damaged { name: name.to_owned(), reason: reason.into() }
    }
}
