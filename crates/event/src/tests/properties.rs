//! What holds for any bytes, and for any event in any wrapping.

use std::{fs, path::Path, sync::LazyLock};

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

use super::{document, in_event_bridge, in_sns};
use crate::{Event, Fingerprint, Message, first_address, limits, normalise_address, read};

/// Every file of the corpus, read once.
static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("test_data");
    let folders = fs::read_dir(root).unwrap().map(|folder| folder.unwrap().path());
    let mut files: Vec<_> =
        folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path()).collect();
    // The order that a folder lists them in differs by machine, and a failing seed must mean the same on all.
    files.sort_unstable();
    files.into_iter().map(|path| fs::read(path).unwrap()).collect()
});

/// All that is said of an event.
#[derive(Debug, PartialEq)]
struct Said {
    fingerprint: Fingerprint,
    type_name: String,
    occurred_at: i64,
    recipients: Vec<String>,
    destination: Vec<String>,
    rest: String,
}

fn said(event: &Event<'_>) -> Said {
    Said {
        fingerprint: event.fingerprint(),
        type_name: event.type_name().into_owned(),
        occurred_at: event.occurred_at().as_microsecond(),
        recipients: event.recipients(),
        destination: event.destination(),
        rest: format!(
            "{:?}",
            (
                event.event_type(),
                event.status(),
                event.subtype(),
                event.bounce_kind(),
                event.bot_verdict(),
                event.link(),
                event.to(),
                event.blocks(),
                event.was_never_tried(),
                event.bounced(),
                &event.mail,
            )
        ),
    }
}

/// Reads whatever it is, holds what must hold, and says what was said.
fn exercise(bytes: &[u8]) -> Option<Said> {
    let document = match read(bytes) {
        Ok(Message::Event(document)) => document,
        Ok(Message::Control(_)) => return None,
        Err(error) => {
            assert!(error.to_string().len() < 300, "{error}");
            return None;
        }
    };
    let event = match document.event() {
        Ok(event) => event,
        Err(error) => {
            assert!(error.to_string().len() < 300, "{error}");
            return None;
        }
    };
    let said = said(&event);
    assert_eq!(document.json().len(), document.storable_json().len());
    assert!(!event.mail.message_id.is_empty());
    assert!(event.mail.message_id.chars().count() <= limits::MESSAGE_ID_CHARS_MAX);
    assert!(said.recipients.is_sorted_by(|one, other| one < other));
    assert!(said.type_name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')));
    assert!(!said.type_name.is_empty() && said.type_name.len() <= 2 * limits::EVENT_TYPE_CHARS_MAX);
    assert_eq!(event.occurred_at().subsec_nanosecond() % 1_000, 0);
    Some(said)
}

/// A change to a document's bytes.
#[derive(Clone, Debug)]
enum Mutation {
    Flip(Index, u8),
    Truncate(Index),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    /// A piece of another document.
    Splice(Index, Index, Index, usize),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |index: &Index, bytes: &[u8]| index.index(bytes.len() + 1);
        match self {
            Self::Flip(at, mask) => {
                let at = place(at, bytes);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= mask;
                }
            }
            Self::Truncate(at) => bytes.truncate(place(at, bytes)),
            Self::Remove(at, count) => {
                let at = place(at, bytes);
                let end = bytes.len().min(at + count);
                bytes.drain(at..end);
            }
            Self::Insert(at, piece) => {
                let at = place(at, bytes);
                bytes.splice(at..at, piece.iter().copied());
            }
            Self::Splice(at, other, from, count) => {
                let other = other.get(&CORPUS);
                let from = from.index(other.len());
                let piece = &other[from..other.len().min(from + count)];
                let at = place(at, bytes);
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
}

/// Bits of JSON that parsers stumble over.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed = [
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "true",
        "-",
        "0",
        "1e400",
        "-1E-9999",
        "1e99999",
        "\\u0000",
        "\\ud800",
        "\\udc00\\ud800",
        "\u{feff}",
        "\0",
        "<",
        ">",
        "(",
        "\"\"",
        "{}",
        "[]",
        ",\"mail\":{}",
        "é",
        ",\"timestamp\":7",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "Type",
        "detail",
    ];
    prop_oneof![
        select(fixed.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        (1..5_000_usize).prop_map(|count| b"[".repeat(count)),
        (1..2_000_usize)
            .prop_map(|count| [b"{\"a\":".repeat(count), b"1".to_vec(), b"}".repeat(count)].concat()),
        (1..3_000_usize).prop_map(|count| b"9".repeat(count)),
        vec(any::<u8>(), 1..9),
    ]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 1..=255_u8).prop_map(|(at, mask)| Mutation::Flip(at, mask)),
        (at(), 0..3_u8).prop_map(|(at, bit)| Mutation::Flip(at, 1 << bit)),
        at().prop_map(Mutation::Truncate),
        (at(), 1..200_usize).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (at(), piece()).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (at(), at(), at(), 1..400_usize)
            .prop_map(|(at, other, from, count)| Mutation::Splice(at, other, from, count)),
    ]
}

/// Any JSON value, three levels deep.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>()
            .prop_filter("JSON has no infinity", |value| value.is_finite())
            .prop_map(|value| value.to_string()),
        ".*".prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just("\"2026-01-01T00:01:00.000Z\"".to_owned()),
        Just("\"Jane <jane@example.com>\"".to_owned()),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        let key = select(
            [
                "timestamp",
                "messageId",
                "destination",
                "recipients",
                "emailAddress",
                "headers",
                "tags",
                "to",
                "x",
            ]
            .to_vec(),
        );
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec((key, inner), 0..4).prop_map(|entries| {
                let entries: Vec<_> =
                    entries.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

/// An event of any type, known or not, whose fields say anything.
fn any_event() -> impl Strategy<Value = String> {
    let types = [
        ("Send", "send"),
        ("Delivery", "delivery"),
        ("Bounce", "bounce"),
        ("Complaint", "complaint"),
        ("Reject", "reject"),
        ("Open", "open"),
        ("Click", "click"),
        ("Rendering Failure", "failure"),
        ("DeliveryDelay", "deliveryDelay"),
        ("Subscription", "subscription"),
        ("MailboxMoved", "mailboxMoved"),
    ];
    let address = prop_oneof![
        "[a-cA-C]{1,2}@[xX]\\.org",
        "[a-c \"]{0,4}<[a-cA-C]{1,2}@x\\.org>",
        Just("bounce+1@simulator.amazonses.com".to_owned()),
        ".{0,12}",
    ];
    let addresses = vec(address, 0..4);
    let microseconds = -62_135_596_800_000_000..253_402_200_000_000_000_i64;
    (
        select(types.to_vec()),
        select(["eventType", "notificationType"].to_vec()),
        "\\PC{1,40}".prop_filter("an id is not empty", |id| !id.trim().is_empty()),
        addresses.clone(),
        addresses,
        microseconds,
        value(),
        value(),
    )
        .prop_map(|((event_type, object), key, id, destination, recipients, at, any, other)| {
            let time = jiff::Timestamp::from_microsecond(at).unwrap();
            let destination = serde_json::to_string(&destination).unwrap();
            let named: Vec<_> =
                recipients.iter().map(|address| serde_json::json!({ "emailAddress": address })).collect();
            let named = serde_json::to_string(&named).unwrap();
            let recipients = serde_json::to_string(&recipients).unwrap();
            let id = serde_json::to_string(&id).unwrap();
            format!(
                r#"{{"{key}":"{event_type}","mail":{{"messageId":{id},"timestamp":"2026-01-01T00:00:00Z","destination":{destination},"headers":{any},"commonHeaders":{other},"tags":{any},"new":{other}}},"new":{other},"{object}":{{"timestamp":"{time}","recipients":{recipients},"bouncedRecipients":{named},"complainedRecipients":{named},"delayedRecipients":{named},"bounceType":{any},"feedbackId":{other},"link":{any},"isBotEvent":{other},"processingTimeMillis":{any}}}}}"#
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..300), text in ".{0,200}") {
        exercise(&bytes);
        exercise(text.as_bytes());
        exercise(in_sns(&text).as_bytes());
    }

    #[test]
    fn any_value_in_any_place_is_read_without_panic(any in value(), other in value()) {
        for wrong in [
            format!(r#"{{"eventType":{any},"mail":{other}}}"#),
            format!(r#"{{"Type":"Notification","Message":{any}}}"#),
            format!(r#"{{"detail":{any}}}"#),
            format!(r#"{{"notificationType":"Bounce","mail":{any},"bounce":{other}}}"#),
        ] {
            exercise(wrong.as_bytes());
        }
    }

    #[test]
    fn mutated_documents_are_read_without_panic(file in any::<Index>(), mutations in vec(mutation(), 1..6)) {
        let mut bytes = file.get(&CORPUS).clone();
        for mutation in &mutations {
            mutation.apply(&mut bytes);
        }
        exercise(&bytes);
        if let Ok(text) = std::str::from_utf8(&bytes) {
            exercise(in_sns(text).as_bytes());
            exercise(in_event_bridge(text).as_bytes());
        }
    }

    #[test]
    fn every_wrapping_says_the_same(json in any_event()) {
        let raw = exercise(json.as_bytes()).expect("an event");
        let spaced = format!("\u{feff} {json}\n");
        for message in [
            spaced.clone(),
            in_sns(&json),
            in_sns(&spaced),
            in_event_bridge(&json),
            in_sns(&in_event_bridge(&json)),
            in_event_bridge(&in_sns(&json)),
        ] {
            let wrapped = exercise(message.as_bytes());
            prop_assert_eq!(wrapped.as_ref(), Some(&raw));
            let document = document(message.as_bytes());
            prop_assert_eq!(document.json(), json.as_str());
        }
        // The format is not part of what happened.
        let (one, other) = ("{\"eventType\"", "{\"notificationType\"");
        let swapped = if json.starts_with(one) { json.replacen(one, other, 1) } else { json.replacen(other, one, 1) };
        prop_assert_eq!(exercise(swapped.as_bytes()), Some(raw));
    }

    #[test]
    fn any_text_is_an_address_without_panic(text in "([a-c@<>(),;:\"\\\\ =?]|é|\\PC){0,30}") {
        let normalised = normalise_address(&text);
        prop_assert_eq!(normalised.trim(), normalised.as_str());
        let first = first_address(&text);
        prop_assert!(text.contains(first));
        prop_assert_eq!(first.trim(), first);
    }
}
