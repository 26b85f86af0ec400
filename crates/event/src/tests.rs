//! Whole messages, from bytes to meaning.

mod corpus;

use crate::{Document, Message, read};

/// The document of a message that must be an event.
#[track_caller]
fn document(bytes: &[u8]) -> Document<'_> {
    match read(bytes) {
        Ok(Message::Event(document)) => document,
        other => panic!("no event: {other:?}"),
    }
}
