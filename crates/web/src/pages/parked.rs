//! Parked events: what waits for its mail.

use aftersend_store::{ParkedCursor, ParkedEvent, ParkedPage};
use askama::Template;

use super::{Frame, Notice};
use crate::{
    clock::{Clock, Moment},
    json, text,
};

/// Events on one page.
pub(crate) const PAGE_EVENTS: usize = 50;

/// Bytes of raw JSON of one event that a page shows.
const JSON_BYTES_MAX: usize = 16 * 1024;

/// The page.
#[derive(Template)]
#[template(path = "parked.html")]
pub(crate) struct ParkedListPage {
    frame: Frame,
    notice: Option<Notice>,
    /// The mail whose events alone are shown.
    of: Option<String>,
    mails: Vec<Mail>,
    older: Option<String>,
    is_first: bool,
}

/// Events next to each other that wait for the same mail.
struct Mail {
    id: String,
    /// As the form sends it back.
    raw: String,
    /// The path to all that waits for it.
    path: String,
    events: Vec<Event>,
}

struct Event {
    name: String,
    received: Moment,
    json: Option<String>,
}

impl ParkedListPage {
    pub(crate) fn new(
        page: &ParkedPage,
        of: Option<&str>,
        is_first: bool,
        notice: Option<Notice>,
        clock: &Clock,
    ) -> Self {
        let mut mails: Vec<Mail> = Vec::new();
        for event in &page.events {
            let id = text::value(&event.aws_message_id);
            match mails.last_mut().filter(|mail| mail.raw == event.aws_message_id) {
                Some(mail) => mail.events.push(Event::new(event, clock)),
                None => mails.push(Mail {
                    path: path(Some(&event.aws_message_id), None),
                    id,
                    raw: event.aws_message_id.clone(),
                    events: vec![Event::new(event, clock)],
                }),
            }
        }
        Self {
            frame: Frame::below("/feeds", clock),
            notice,
            mails,
            older: page.next.map(|next| path(of, Some(next))),
            of: of.map(text::value),
            is_first,
        }
    }
}

impl Event {
    fn new(event: &ParkedEvent, clock: &Clock) -> Self {
        let laid_out = json::laid_out(&event.event_data);
        Self {
            name: text::value(&event.event_type),
            received: clock.moment(event.received_at),
            json: (laid_out.len() <= JSON_BYTES_MAX).then_some(laid_out),
        }
    }
}

/// The path of a page; it holds all that the page depends on.
fn path(of: Option<&str>, before: Option<ParkedCursor>) -> String {
    let of = of.map(|id| format!("id={}", text::url_encoded(id)));
    let before = before
        .map(|ParkedCursor { received_at, uuid }| format!("before={}.{uuid}", received_at.as_microsecond()));
    let parts: Vec<String> = of.into_iter().chain(before).collect();
    format!("/parked?{}", parts.join("&"))
}

/// The place that a path names.
pub(crate) fn cursor(text: &str) -> Option<ParkedCursor> {
    let (time, uuid) = text.split_once('.')?;
    // The earliest time that PostgreSQL holds: https://www.postgresql.org/docs/current/datatype-datetime.html
    let time = time.parse().ok().filter(|time| *time >= -210_866_803_200_000_000_i64)?;
    Some(ParkedCursor {
        received_at: jiff::Timestamp::from_microsecond(time).ok()?,
        uuid: uuid.parse().ok()?,
    })
}

#[cfg(test)]
mod tests;
