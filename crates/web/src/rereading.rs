//! How the site has a message of the quarantine read anew: by the way that every message goes, which is not the site's.

use std::{future::Future, pin::Pin};

use uuid::Uuid;

/// What became of a message of the quarantine that was read anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reread {
    /// It is stored, or no event, and has left the quarantine.
    Settled,
    /// It is refused again, for this reason, and stays.
    Refused(String),
    /// It is not there (any more).
    Gone,
}

/// Whoever can read messages of the quarantine anew.
pub trait Rereading: Send + Sync {
    /// Reads one message anew. The error is a sentence: what stands in the way, and of what is not the message's fault.
    fn reread(&self, uuid: Uuid) -> Pin<Box<dyn Future<Output = Result<Reread, String>> + Send + '_>>;
}

/// A program that takes nothing in.
impl Rereading for () {
    fn reread(&self, _uuid: Uuid) -> Pin<Box<dyn Future<Output = Result<Reread, String>> + Send + '_>> {
        Box::pin(std::future::ready(Err("this program takes no events in".to_owned())))
    }
}
