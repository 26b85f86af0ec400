//! What a queue, a topic or a file hands over: an event in one of its wrappings, or a control message.

use std::{borrow::Cow, ops::Range};

use crate::{Event, ReadError, Text, error::Within, event, json, limits, wire::Top};

/// SES's plain text on setting up an event destination.
const TOPIC_VALIDATED: &str = "Successfully validated SNS topic for Amazon SES event publishing.";

/// The `notificationType` of SES's message on setting up a topic for identity notifications. It is about no
/// mail.
const TOPIC_SUBSCRIBED: &str = "AmazonSnsSubscriptionSucceeded";

/// What a message turned out to be.
#[derive(Clone, Debug)]
pub enum Message<'a> {
    /// An SES event, its wrapping taken off.
    Event(Document<'a>),
    /// Something that a feed carries beside events, to be accepted and dropped.
    Control(Control<'a>),
}

/// How the event was wrapped: the outermost wrapping, which is the one that the feed put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// Not at all: raw message delivery, a stream, a file.
    Raw,
    /// By SNS: the event is the text in `Message`.
    /// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>
    Sns,
    /// By EventBridge: the event is the object `detail`.
    /// <https://docs.aws.amazon.com/ses/latest/dg/monitoring-eventbridge.html>
    EventBridge,
}

/// Messages that are no events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control<'a> {
    /// SNS asks whether the endpoint wants the topic.
    SubscriptionConfirmation {
        /// The topic; empty where the message does not say.
        topic_arn: Cow<'a, str>,
    },
    /// SNS says that the subscription has ended.
    UnsubscribeConfirmation {
        /// The topic; empty where the message does not say.
        topic_arn: Cow<'a, str>,
    },
    /// SES's test message on setting up a destination or a topic for notifications.
    TopicValidated,
}

/// Where a text of JSON stands, for errors about bytes.
#[derive(Clone, Copy)]
struct Place {
    /// The text that `start` counts in.
    text: Within,
    /// The JSON's first byte.
    start: usize,
}

/// The event's own JSON, not yet read.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    json: Cow<'a, str>,
    /// The same without what no database holds, where that differs.
    storable: Option<String>,
    envelope: Envelope,
}

impl Document<'_> {
    /// The event's own JSON as received, without the space around it.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The event's own JSON as a column of type `jsonb` takes it: U+FFFD stands for every escape of U+0000 or
    /// of half a surrogate pair, which JSON allows and PostgreSQL refuses. Otherwise the same as
    /// [`json`](Self::json).
    /// <https://www.postgresql.org/docs/current/datatype-json.html>
    pub fn storable_json(&self) -> &str {
        self.storable.as_deref().unwrap_or(&self.json)
    }

    /// How the event was wrapped.
    pub fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// Reads the event.
    ///
    /// Only what makes it this event must be there: the type, `mail.messageId`, `mail.timestamp`, and the type's
    /// object with its time where the type has one. What merely describes reads as missing when it has an
    /// unexpected shape.
    ///
    /// # Errors
    /// [`ReadError`] names the field that is missing or wrong, or the limit that is exceeded.
    pub fn event(&self) -> Result<Event<'_>, ReadError> {
        event::read(self.storable_json())
    }
}

/// Takes the wrapping off a message.
///
/// The bytes are one JSON document, or SES's control text; a byte order mark and space around it are no fault.
///
/// # Errors
/// [`ReadError`] says at which byte the message ceases to be UTF-8 or JSON, which limit it exceeds, or what it
/// lacks to be an event or one of its wrappings.
pub fn read(bytes: &[u8]) -> Result<Message<'_>, ReadError> {
    if bytes.len() > limits::MESSAGE_BYTES_MAX {
        let what = format!("the message of {} bytes is", bytes.len());
        return Err(ReadError::over(what, "MESSAGE_BYTES_MAX", limits::MESSAGE_BYTES_MAX));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| ReadError::Utf8 { offset: error.valid_up_to() })?;
    let mut inner = Inner { text: Cow::Borrowed(text), place: Place { text: Within::Message, start: 0 } };
    let mut outermost = None;
    // One round more than there may be wrappings: the last one meets the event itself.
    for _ in 0..=limits::WRAPPINGS_MAX {
        let (next, envelope) = match inner.peel()? {
            Peeled::Event(event) => {
                return Ok(Message::Event(event.document(outermost.unwrap_or(Envelope::Raw))));
            }
            Peeled::Control(control) => return Ok(Message::Control(control)),
            Peeled::Wrapped(next, envelope) => (next, envelope),
        };
        outermost.get_or_insert(envelope);
        inner = next;
    }
    Err(ReadError::over("the number of wrappings is", "WRAPPINGS_MAX", limits::WRAPPINGS_MAX))
}

/// What is left of a message after some wrappings.
struct Inner<'a> {
    text: Cow<'a, str>,
    place: Place,
}

enum Peeled<'a> {
    Event(Inner<'a>),
    Control(Control<'a>),
    Wrapped(Inner<'a>, Envelope),
}

/// Where the next layer is to be found: in this text, or in the text that a string of it spells.
enum Next {
    Slice(Range<usize>),
    Decoded(String),
}

impl<'a> Inner<'a> {
    fn peel(self) -> Result<Peeled<'a>, ReadError> {
        let inner = self.trimmed();
        let Place { text: within, start } = inner.place;
        if &*inner.text == TOPIC_VALIDATED {
            return Ok(Peeled::Control(Control::TopicValidated));
        }
        if !inner.text.starts_with('{') {
            let problem = if inner.text.is_empty() {
                "nothing but space"
            } else {
                "no JSON object, and no control text,"
            };
            return Err(ReadError::Json { offset: start, text: within, problem: problem.to_owned() });
        }
        // Same length byte for byte, so that offsets and ranges hold for both.
        let storable = json::storable(&inner.text);
        let top: Top<'_> = serde_json::from_str(&storable)
            .map_err(|error| json::read_error(&error, &storable, start, within))?;
        json::check_limits(&storable, start, within)?;

        if top.event_type.json().is_some() || top.notification_type.json().is_some() {
            if top.notification_type.text().as_deref() == Some(TOPIC_SUBSCRIBED) {
                return Ok(Peeled::Control(Control::TopicValidated));
            }
            drop(storable);
            return Ok(Peeled::Event(inner));
        }
        if top.sns_type.json().is_some() {
            let message = match sns(&top)? {
                Sns::Control(control) => return Ok(Peeled::Control(control)),
                Sns::Message(Text(Cow::Borrowed(part))) => Next::Slice(range_in(&storable, part)),
                Sns::Message(Text(Cow::Owned(text))) => Next::Decoded(text),
            };
            drop(storable);
            let text = inner.next(message);
            let place = Place { text: Within::SnsMessage, start: 0 };
            return Ok(Peeled::Wrapped(Inner { text, place }, Envelope::Sns));
        }
        match top.detail.json() {
            Some(detail) if detail.starts_with('{') => {
                let range = range_in(&storable, detail);
                drop(storable);
                let place = Place { text: within, start: start + range.start };
                let text = inner.next(Next::Slice(range));
                Ok(Peeled::Wrapped(Inner { text, place }, Envelope::EventBridge))
            }
            Some(_) => Err(ReadError::not("detail", "an object")),
            None => Err(ReadError::NoType { text: within }),
        }
    }

    /// Without a byte order mark and the space that JSON allows around a document.
    fn trimmed(self) -> Self {
        const SPACE: [char; 5] = ['\u{feff}', ' ', '\t', '\n', '\r'];
        let from = self.text.len() - self.text.trim_start_matches(SPACE).len();
        let to = from + self.text[from..].trim_end_matches(SPACE).len();
        let place = Place { start: self.place.start + from, ..self.place };
        Self { text: self.next(Next::Slice(from..to)), place }
    }

    fn next(self, next: Next) -> Cow<'a, str> {
        match (next, self.text) {
            (Next::Decoded(text), _) => Cow::Owned(text),
            (Next::Slice(range), Cow::Borrowed(text)) => Cow::Borrowed(&text[range]),
            (Next::Slice(range), Cow::Owned(mut text)) => {
                text.truncate(range.end);
                text.drain(..range.start);
                Cow::Owned(text)
            }
        }
    }

    fn document(self, envelope: Envelope) -> Document<'a> {
        let storable = match json::storable(&self.text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(storable) => Some(storable),
        };
        Document { json: self.text, storable, envelope }
    }
}

enum Sns<'t> {
    Message(Text<'t>),
    Control(Control<'static>),
}

/// What an SNS envelope holds.
fn sns<'t>(top: &Top<'t>) -> Result<Sns<'t>, ReadError> {
    let sns_type = top.sns_type.required_text("Type")?;
    let topic_arn = || Cow::Owned(top.topic_arn.text().unwrap_or_default().0.into_owned());
    match &*sns_type {
        "Notification" => Ok(Sns::Message(top.sns_message.required_text("Message")?)),
        "SubscriptionConfirmation" => {
            Ok(Sns::Control(Control::SubscriptionConfirmation { topic_arn: topic_arn() }))
        }
        "UnsubscribeConfirmation" => {
            Ok(Sns::Control(Control::UnsubscribeConfirmation { topic_arn: topic_arn() }))
        }
        other => Err(ReadError::kind("Type", other)),
    }
}

/// The bytes of `text` that `part`, a slice of it, stands on.
fn range_in(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    start..start + part.len()
}

#[cfg(test)]
mod tests;
