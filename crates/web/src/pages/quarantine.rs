//! The quarantine: messages that could not be read or stored, and one of them.

use aftersend_store::{QuarantinePage, Quarantined, QuarantinedMessage};
use askama::Template;
use uuid::Uuid;

use super::{Frame, Notice};
use crate::{
    clock::{Clock, Moment},
    text,
    words::counted,
};

/// Messages on one page.
pub(crate) const PAGE_MESSAGES: usize = 50;

/// Bytes of a body that a page shows; the command writes all of it.
const SHOWN_BYTES_MAX: usize = 64 * 1024;

/// The list.
#[derive(Template)]
#[template(path = "quarantine.html")]
pub(crate) struct QuarantineListPage {
    frame: Frame,
    notice: Option<Notice>,
    rows: Vec<Row>,
    /// The path of the next page, to older messages.
    older: Option<String>,
    is_first: bool,
}

/// A message in the list.
struct Row {
    path: String,
    reason: String,
    feed: String,
    origin: String,
    size: String,
    /// `3 times`, where it came more than once.
    repeated: Option<String>,
    first: Moment,
}

impl QuarantineListPage {
    pub(crate) fn new(
        page: &QuarantinePage,
        before: Option<Uuid>,
        notice: Option<Notice>,
        clock: &Clock,
    ) -> Self {
        let last = page.messages.last().filter(|_| page.more);
        Self {
            frame: Frame::below("/feeds", clock),
            notice,
            rows: page.messages.iter().map(|message| Row::new(message, clock)).collect(),
            older: last.map(|last| format!("/quarantine?before={}", last.uuid)),
            is_first: before.is_none(),
        }
    }
}

impl Row {
    fn new(message: &Quarantined, clock: &Clock) -> Self {
        Self {
            path: format!("/quarantine/{}", message.uuid),
            reason: text::value(&message.reason).replace('`', ""),
            feed: text::value(&message.feed),
            origin: text::value(&message.origin),
            size: size(message.body_bytes),
            repeated: (message.times_received > 1).then(|| format!("{} times", message.times_received)),
            first: clock.moment(message.first_received_at),
        }
    }
}

/// One message.
#[derive(Template)]
#[template(path = "quarantined.html")]
pub(crate) struct QuarantinedPage {
    frame: Frame,
    notice: Option<Notice>,
    message: Row,
    path: String,
    last: Moment,
    body: String,
    /// How much of the body is not shown.
    left_off: Option<String>,
}

impl QuarantinedPage {
    pub(crate) fn new(message: &QuarantinedMessage, notice: Option<Notice>, clock: &Clock) -> Self {
        let shown = &message.body[..message.body.len().min(SHOWN_BYTES_MAX)];
        let left_off = message.body.len() - shown.len();
        Self {
            frame: Frame::below("/feeds", clock),
            notice,
            path: format!("/quarantine/{}", message.about.uuid),
            message: Row::new(&message.about, clock),
            last: clock.moment(message.about.last_received_at),
            body: escaped(shown),
            left_off: (left_off > 0).then(|| counted(left_off, "byte")),
        }
    }
}

/// Bytes as text in which everything is visible: what is no UTF-8 as `\xff`, controls and marks of direction by their
/// numbers. Line ends stay.
fn escaped(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' | '\t' => shown.push(character),
                _ if character.is_control() || text::turns_direction(character) => {
                    shown.push_str(&text::named(character));
                }
                _ => shown.push(character),
            }
        }
        shown.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    shown
}

/// `812 bytes`, `1.9 KB`
fn size(bytes: u64) -> String {
    if bytes < 1_000 {
        counted(usize::try_from(bytes).unwrap_or(usize::MAX), "byte")
    } else {
        format!("{}.{} KB", bytes / 1_000, bytes % 1_000 / 100)
    }
}

#[cfg(test)]
mod tests;
