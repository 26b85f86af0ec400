//! What stays of an event's JSON when it goes: what figures and the merging of repeats still read, and no person.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::ingest::record::{Record, SesMail};

/// The key that says so. SES has none of that name.
const MARK: &str = "aftersend";

/// What stays of an event's JSON, whole or the part that an application keeps. What was cut down stays as it is.
///
/// The type by SES's name, by which a row is known for one that this program wrote; of a bounce its subtype and the status
/// codes of its recipients, which tell why mails bounced.
pub(crate) fn remainder(event_type: &str, json: &str) -> String {
    let Ok(Value::Object(event)) = serde_json::from_str::<Value>(json) else {
        return json!({ MARK: "cut" }).to_string();
    };
    if event.contains_key(MARK) {
        return json.to_owned();
    }
    let mut kept = Map::new();
    kept.insert(MARK.to_owned(), "cut".into());
    for name in ["eventType", "notificationType", "_source"] {
        if let Some(Value::String(text)) = event.get(name) {
            kept.insert(name.to_owned(), text.as_str().into());
        }
    }
    if event_type == "bounce" {
        match event.get("bounce") {
            Some(bounce) => drop(kept.insert("bounce".to_owned(), Value::Object(of_bounce(bounce)))),
            // An application's part is the bounce itself.
            None => kept.extend(of_bounce(&Value::Object(event))),
        }
    }
    Value::Object(kept).to_string()
}

/// Which occurrence a row of an application's is, before its JSON goes. Nothing where that does not tell: then the row
/// counts as a repeat of whatever comes, as it would have before. Of opens, clicks and subscriptions the part that an
/// application keeps tells no recipients, which belong to the fingerprint.
pub(crate) fn fingerprint_of(event_type: &str, json: &str, aws_message_id: Option<&str>) -> Option<Uuid> {
    let part = || {
        let is_told = !matches!(event_type, "open" | "click" | "subscription");
        let message_id = aws_message_id.filter(|_| is_told)?.to_owned();
        Record::part(event_type, json, &SesMail { message_id, destination: Vec::new() })
    };
    Record::whole(json).or_else(part).map(|record| record.fingerprint)
}

fn of_bounce(bounce: &Value) -> Map<String, Value> {
    let mut kept = Map::new();
    for name in ["bounceType", "bounceSubType"] {
        if let Some(Value::String(text)) = bounce.get(name) {
            kept.insert(name.to_owned(), text.as_str().into());
        }
    }
    if let Some(Value::Array(recipients)) = bounce.get("bouncedRecipients") {
        let codes = recipients.iter().map(|recipient| {
            let text = |name: &str| recipient.get(name).and_then(Value::as_str);
            let code = text("status").and_then(code_in).or_else(|| text("diagnosticCode").and_then(code_in));
            code.map_or_else(|| json!({}), |code| json!({ "status": code }))
        });
        kept.insert("bouncedRecipients".to_owned(), codes.collect());
    }
    kept
}

/// The enhanced status code in a server's words (RFC 3463). <https://www.rfc-editor.org/rfc/rfc3463#section-2>
fn code_in(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find_map(|start| {
        let rest = &text.get(start..)?;
        if !matches!(rest.as_bytes(), [b'2' | b'4' | b'5', b'.', ..]) {
            return None;
        }
        let digits = |text: &str| text.bytes().take(3).take_while(u8::is_ascii_digit).count();
        let subject = digits(&rest[2..]);
        let dot = 2 + subject;
        if subject == 0 || rest.as_bytes().get(dot) != Some(&b'.') {
            return None;
        }
        let detail = digits(&rest[dot + 1..]);
        (detail > 0).then(|| &rest[..=dot + detail])
    })
}

/// An event's JSON without the address and the program that opened, clicked or complained; nothing where it tells none.
pub(crate) fn without_addresses(json: &str) -> Option<String> {
    let mut event: Value = serde_json::from_str(json).ok()?;
    let mut has_changed = false;
    let mut forget = |object: Option<&mut Value>| {
        if let Some(Value::Object(object)) = object {
            for name in ["ipAddress", "userAgent"] {
                has_changed |= object.remove(name).is_some();
            }
        }
    };
    for name in ["open", "click", "complaint"] {
        forget(event.get_mut(name));
    }
    forget(Some(&mut event));
    has_changed.then(|| event.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{bounce, delivery, open};

    #[test]
    fn of_a_bounce_its_codes_stay() {
        let mut event = bounce("m1", "01:00", "Permanent", "f1");
        event["bounce"]["bouncedRecipients"] = json!([
            { "emailAddress": "ann@example.com", "status": "5.1.1" },
            { "emailAddress": "bob@example.com", "diagnosticCode": "smtp; 550 5.7.26 bob@example.com is 127.0.0.1" },
            { "emailAddress": "eve@example.com", "diagnosticCode": "no 5.x.1" },
        ]);
        let whole = remainder("bounce", &event.to_string());
        let expected = json!({
            "aftersend": "cut", "eventType": "Bounce",
            "bounce": {
                "bounceType": "Permanent", "bounceSubType": "General",
                "bouncedRecipients": [{ "status": "5.1.1" }, { "status": "5.7.26" }, {}],
            },
        });
        assert_eq!(serde_json::from_str::<Value>(&whole).unwrap(), expected);
        assert_eq!(remainder("bounce", &whole), whole);
        let mut part = event["bounce"].take();
        part["_source"] = "sqs".into();
        let part: Value = serde_json::from_str(&remainder("bounce", &part.to_string())).unwrap();
        assert_eq!((&part["bounceSubType"], &part["_source"]), (&json!("General"), &json!("sqs")));
        assert_eq!(part["bouncedRecipients"][0], json!({ "status": "5.1.1" }));
    }

    #[test]
    fn of_others_the_type_stays() {
        let kept = remainder("delivery", &delivery("m1", "01:00").to_string());
        assert_eq!(
            serde_json::from_str::<Value>(&kept).unwrap(),
            json!({ "aftersend": "cut", "eventType": "Delivery" })
        );
        assert_eq!(remainder("open", "nonsense"), r#"{"aftersend":"cut"}"#);
    }

    #[test]
    fn where_an_open_came_from_can_be_forgotten_alone() {
        let event = open("m1", "01:00", None);
        let without = without_addresses(&event.to_string()).unwrap();
        assert!(
            !without.contains("192.0.2.1")
                && !without.contains("Mozilla")
                && without.contains("ann@example.com")
        );
        assert_eq!(without_addresses(&without), None);
        assert_eq!(
            without_addresses(&event["open"].to_string()).unwrap(),
            format!(r#"{{"timestamp":"{}"}}"#, crate::testing::at("01:00"))
        );
    }
}
