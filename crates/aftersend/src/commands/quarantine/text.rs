//! Messages of the quarantine in words: nothing that a body holds reaches a terminal as more than text.

use std::fmt::Write;

use aftersend_ingest::Tally;
use aftersend_store::{Quarantined, QuarantinedMessage};
use serde::Serialize;
use serde_json::{Value, json};

use crate::output::{column, plain};

/// Bytes of a body that are shown on a terminal; `--raw` writes all of it.
const SHOWN_BYTES_MAX: usize = 4_096;

/// A message in a line.
pub(super) fn line(message: &Quarantined) -> String {
    format!(
        "{}  {}  {}  {:>9}  {}{}",
        message.first_received_at.strftime("%Y-%m-%d %H:%M:%SZ"),
        message.uuid,
        column(&message.feed, 7),
        format!("{} B", message.body_bytes),
        plain(&message.reason),
        if message.times_received > 1 { format!(" ({}×)", message.times_received) } else { String::new() },
    )
}

/// A message with its body, in lines.
pub(super) fn lines(message: &QuarantinedMessage) -> Vec<String> {
    let QuarantinedMessage { about, body } = message;
    let time = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let received = match about.times_received {
        1 => time(about.first_received_at),
        times => format!(
            "{times} times, first {}, last {}",
            time(about.first_received_at),
            time(about.last_received_at)
        ),
    };
    let mut lines: Vec<String> = [
        ("id", about.uuid.to_string()),
        ("feed", format!("{}, {}", plain(&about.feed), plain(&about.origin))),
        ("received", received),
        ("reason", plain(&about.reason)),
        ("body", format!("{} bytes", about.body_bytes)),
    ]
    .into_iter()
    .map(|(name, value)| format!("  {name:<9} {value}"))
    .collect();
    lines.push(String::new());
    // In the middle of a character, the cut would look like a fault of the body.
    let end = std::str::from_utf8(body)
        .map_or(body.len().min(SHOWN_BYTES_MAX), |text| text.floor_char_boundary(SHOWN_BYTES_MAX));
    let shown = &body[..end];
    lines.extend(escaped(shown).split('\n').map(|line| format!("  {line}")));
    if shown.len() < body.len() {
        lines.push(String::new());
        lines.push(format!(
            "… and {} bytes more; --raw writes the body as it is, all of it",
            body.len() - shown.len()
        ));
    }
    lines
}

/// Bytes as text in which everything is visible: what is no UTF-8 as `\xff`, what moves a cursor or turns the direction
/// of writing as `\u{1b}`; line ends stay.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            // What the language's own rules would not print; but for quotes, which it escapes for other reasons.
            let printable =
                character.escape_debug().len() == 1 || matches!(character, '"' | '\'' | '\\' | '\n');
            if printable {
                text.push(character);
            } else {
                text.extend(character.escape_debug());
            }
        }
        for byte in chunk.invalid() {
            // Writing to a text can't fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A message for machines, without its body.
pub(super) fn about_json(message: &Quarantined) -> Value {
    json!({
        "uuid": message.uuid,
        "feed": message.feed,
        "origin": message.origin,
        "reason": message.reason,
        "body_bytes": message.body_bytes,
        "times_received": message.times_received,
        "first_received_at": message.first_received_at.to_string(),
        "last_received_at": message.last_received_at.to_string(),
    })
}

/// A message for machines: the body as text, or in hexadecimal digits where it is none.
pub(super) fn message_json(message: &QuarantinedMessage) -> Value {
    let mut json = about_json(&message.about);
    if let Ok(text) = std::str::from_utf8(&message.body) {
        json["body"] = text.into();
    } else {
        let mut digits = String::with_capacity(2 * message.body.len());
        for byte in &message.body {
            // Writing to a text can't fail.
            let _ = write!(digits, "{byte:02x}");
        }
        json["body_hex"] = digits.into();
    }
    json
}

/// What became of messages that were read anew.
pub(super) fn tally(tally: &Tally) -> String {
    let Tally { received, stored, repeated, folded, parked, late, control, quarantined } = tally;
    // None as long as nobody archives or removes mails.
    let late = if *late > 0 { format!("{late} late, ") } else { String::new() };
    format!(
        "{received} replayed: {stored} stored, {repeated} repeated, {folded} folded, {parked} parked, \
         {late}{control} control, {quarantined} still refused"
    )
}

/// The same for machines.
#[derive(Serialize)]
pub(super) struct Summary {
    replayed: usize,
    stored: usize,
    repeated: usize,
    folded: usize,
    parked: usize,
    late: usize,
    control: usize,
    still_refused: usize,
}

impl From<Tally> for Summary {
    fn from(tally: Tally) -> Self {
        let Tally { received, stored, repeated, folded, parked, late, control, quarantined } = tally;
        Self {
            replayed: received,
            stored,
            repeated,
            folded,
            parked,
            late,
            control,
            still_refused: quarantined,
        }
    }
}

/// So many messages.
pub(super) fn counted(messages: u64) -> String {
    if messages == 1 { "1 message".to_owned() } else { format!("{messages} messages") }
}

/// Whether an answer agrees: anything but a yes does not.
pub(super) fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &[u8]) -> QuarantinedMessage {
        let at = "2026-09-01T10:00:00Z".parse().unwrap();
        QuarantinedMessage {
            about: Quarantined {
                uuid: uuid::Uuid::nil(),
                body_bytes: body.len() as u64,
                reason: "re\u{1b}[2Jason".to_owned(),
                feed: "file".to_owned(),
                origin: "line 1".to_owned(),
                times_received: 3,
                first_received_at: at,
                last_received_at: at,
            },
            body: body.to_vec(),
        }
    }

    #[test]
    fn nothing_in_a_body_acts_on_a_terminal() {
        for (bytes, shown) in [
            (&b"{\"a\": \"b\\n'\"}\nsecond"[..], "{\"a\": \"b\\n'\"}\nsecond"),
            (b"\x1b[31mred\x07", "\\u{1b}[31mred\\u{7}"),
            (b"a\r\tb\0c\x7f", "a\\r\\tb\\0c\\u{7f}"),
            (b"caf\xc3\xa9 \xff\xfe\xc3", "café \\xff\\xfe\\xc3"),
            // C1 controls, and marks that turn the direction of writing.
            ("\u{9b}2J \u{202e}gpj\u{2066}".as_bytes(), "\\u{9b}2J \\u{202e}gpj\\u{2066}"),
            ("日本 😀".as_bytes(), "日本 😀"),
        ] {
            assert_eq!(escaped(bytes), shown);
        }
        let lines = lines(&message(b"\x1b]0;title\x07")).join("\n");
        assert!(!lines.contains(|c: char| c.is_control() && c != '\n'), "{lines:?}");
        assert!(lines.contains("3 times"), "{lines}");
    }

    #[test]
    fn a_long_body_is_cut_with_a_note() {
        let long = message(&vec![b'x'; SHOWN_BYTES_MAX + 7]);
        let lines = lines(&long);
        assert!(lines.last().unwrap().contains("7 bytes more; --raw"), "{lines:?}");
        assert_eq!(lines.join("").matches('x').count(), SHOWN_BYTES_MAX);
        let umlauts = message("ü".repeat(SHOWN_BYTES_MAX).replacen('ü', "u", 1).as_bytes());
        assert!(!super::lines(&umlauts).join("").contains("\\x"), "a character was cut in two");
        let exact = super::lines(&message(&vec![b'x'; SHOWN_BYTES_MAX]));
        assert!(!exact.join("").contains("more"));
    }

    #[test]
    fn machines_get_every_byte() {
        let text = message_json(&message("é\0".as_bytes()));
        assert_eq!((text["body"].as_str(), &text["body_hex"]), (Some("é\0"), &Value::Null));
        let binary = message_json(&message(b"\xff\x00a"));
        assert_eq!((&binary["body"], binary["body_hex"].as_str()), (&Value::Null, Some("ff0061")));
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(["y", "Y\n", " yes \n", "YES"].into_iter().all(is_yes));
        assert!(!["", "\n", "n", "no", "yep", "y y"].into_iter().any(is_yes));
    }
}
