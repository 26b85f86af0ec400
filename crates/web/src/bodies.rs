//! Mails' bodies on their way to a browser: how many there are in memory at once, and how much of one is shown.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bodies that are in memory at once, at most. Each has up to [`BODY_BYTES_MAX`](aftersend_store::BODY_BYTES_MAX).
const BODIES_MAX: usize = 2;

/// How long a request waits for its turn.
const WAIT_MS_MAX: u64 = 10_000;

/// Bytes of a body that are shown where nobody asks for the whole.
pub(crate) const SHOWN_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Bytes of a part of a body on its way.
const PART_BYTES: usize = 64 * 1024;

/// Turns for bodies. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Bodies(Arc<Semaphore>);

impl Bodies {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(BODIES_MAX)))
    }

    /// A turn, or nothing if none comes in time.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.0).acquire_owned();
        let turn = tokio::time::timeout(Duration::from_millis(WAIT_MS_MAX), turn).await.ok()?;
        turn.ok()
    }
}

/// The text as an answer's body. The turn is over when all of it is sent, or whoever asked has gone.
pub(crate) fn sent_in_turn(turn: OwnedSemaphorePermit, text: Vec<u8>) -> Body {
    let parts = stream::unfold((Bytes::from(text), turn), |(mut rest, turn)| async move {
        let part = rest.split_to(rest.len().min(PART_BYTES));
        (!part.is_empty()).then_some((Ok::<_, std::convert::Infallible>(part), (rest, turn)))
    });
    Body::from_stream(parts)
}

/// The beginning of a text: no more than [`SHOWN_BYTES_MAX`], and no character by half.
pub(crate) fn beginning(mut text: String) -> String {
    if text.len() > SHOWN_BYTES_MAX {
        text.truncate(text.floor_char_boundary(SHOWN_BYTES_MAX));
        text.shrink_to_fit();
    }
    text
}

/// The document with every `<link` made an element that means nothing, of the same length: no policy keeps a browser from looking
/// a name up or opening a connection for `rel=preconnect`, which would tell the sender that somebody looks.
pub(crate) fn without_links_to_resources(html: String) -> Vec<u8> {
    const LINK: &[u8] = b"link";
    let mut bytes = html.into_bytes();
    let mut from = 0;
    while let Some(found) = bytes[from..].iter().position(|byte| *byte == b'<') {
        let name = from + found + 1;
        if bytes.get(name..name + LINK.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(LINK)) {
            bytes[name] = b'x';
        }
        from = name;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[test]
    fn links_to_resources_lose_their_meaning_and_nothing_else_changes() {
        for (html, expected) in [
            ("<p>ä</p>", "<p>ä</p>"),
            ("<link rel=preconnect href=//a>", "<xink rel=preconnect href=//a>"),
            ("a<LiNk/><<link<", "a<xiNk/><<xink<"),
            ("<lin", "<lin"),
            ("<", "<"),
            ("", ""),
        ] {
            assert_eq!(without_links_to_resources(html.to_owned()), expected.as_bytes());
        }
    }

    #[test]
    fn the_beginning_ends_between_characters() {
        assert_eq!(beginning("ä".to_owned()), "ä");
        let long = format!("a{}", "ä".repeat(SHOWN_BYTES_MAX));
        assert_eq!(beginning(long).len(), SHOWN_BYTES_MAX - 1);
    }

    #[tokio::test]
    async fn a_body_waits_for_its_turn_and_takes_it_until_it_is_sent() {
        let bodies = Bodies::new();
        let (first, second) = (bodies.turn().await.unwrap(), bodies.turn().await.unwrap());
        assert_eq!(bodies.0.available_permits(), 0);
        let text = vec![b'a'; PART_BYTES + 1];
        let answer = sent_in_turn(first, text.clone());
        assert_eq!(bodies.0.available_permits(), 0, "it is still on its way");
        assert_eq!(to_bytes(answer, 2 * PART_BYTES).await.unwrap(), text);
        let third = bodies.turn().await.unwrap();
        drop((sent_in_turn(second, text), third));
        assert_eq!(bodies.0.available_permits(), BODIES_MAX, "whoever goes away leaves the turn");
    }
}
