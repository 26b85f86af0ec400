use super::*;
use crate::tests::{document, in_event_bridge, in_sns, record};

fn send() -> String {
    record("Send", &["jane@example.com"], r#","send":{}"#)
}

#[test]
fn wrappings_come_off() {
    let event = send();
    for (message, envelope) in [
        (event.clone(), Envelope::Raw),
        (in_sns(&event), Envelope::Sns),
        (in_event_bridge(&event), Envelope::EventBridge),
        (in_sns(&in_event_bridge(&event)), Envelope::Sns),
        (in_event_bridge(&in_sns(&event)), Envelope::EventBridge),
        (in_sns(&in_sns(&in_event_bridge(&in_sns(&event)))), Envelope::Sns),
        (format!("\u{feff}{event}\r\n"), Envelope::Raw),
        (format!(" \n{}\t ", in_sns(&format!("\u{feff} {event}\n"))), Envelope::Sns),
    ] {
        let document = document(message.as_bytes());
        assert_eq!(document.json(), event);
        assert_eq!(document.storable_json(), event);
        assert_eq!(document.envelope(), envelope);
        assert_eq!(&*document.event().unwrap().mail.message_id, "m-1");
    }
}

#[test]
fn raw_and_event_bridge_borrow() {
    for message in [send(), in_event_bridge(&send())] {
        assert!(matches!(document(message.as_bytes()).json, Cow::Borrowed(_)));
    }
}

#[test]
fn an_sns_message_without_escapes_is_a_slice_too() {
    let error = read(br#"{"Type":"Notification","Message":"hello"}"#).map(|_| ()).unwrap_err();
    assert!(matches!(error, ReadError::Json { offset: 0, text: Within::SnsMessage, .. }), "{error}");
    let error = read(br#"{"Type":"Notification","Message":""}"#).map(|_| ()).unwrap_err();
    assert!(matches!(error, ReadError::Json { offset: 0, text: Within::SnsMessage, .. }), "{error}");
}

#[test]
fn too_many_wrappings() {
    let mut message = send();
    for _ in 0..limits::WRAPPINGS_MAX {
        message = in_event_bridge(&message);
    }
    assert_eq!(document(message.as_bytes()).json(), send());
    let error = read(in_event_bridge(&message).as_bytes()).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "the number of wrappings is over the limit WRAPPINGS_MAX of 4");
}

#[test]
fn control_messages() {
    let confirmation = |sns_type: &str| {
        format!(
            r#"{{"Type":"{sns_type}","Message":"You have chosen to …","TopicArn":"arn:t","Token":"2336"}}"#
        )
    };
    let subscribed = r#"{"notificationType":"AmazonSnsSubscriptionSucceeded","message":"You have …"}"#;
    for (message, control) in [
        (TOPIC_VALIDATED.to_owned(), Control::TopicValidated),
        (format!("\u{feff}{TOPIC_VALIDATED}\n"), Control::TopicValidated),
        (in_sns(TOPIC_VALIDATED), Control::TopicValidated),
        (in_sns(&format!("{TOPIC_VALIDATED}\n")), Control::TopicValidated),
        (subscribed.to_owned(), Control::TopicValidated),
        (in_sns(subscribed), Control::TopicValidated),
        (
            confirmation("SubscriptionConfirmation"),
            Control::SubscriptionConfirmation { topic_arn: "arn:t".into() },
        ),
        (
            confirmation("UnsubscribeConfirmation"),
            Control::UnsubscribeConfirmation { topic_arn: "arn:t".into() },
        ),
        (
            r#"{"Type":"SubscriptionConfirmation"}"#.to_owned(),
            Control::SubscriptionConfirmation { topic_arn: "".into() },
        ),
    ] {
        match read(message.as_bytes()) {
            Ok(Message::Control(read)) => assert_eq!(read, control, "{message}"),
            other => panic!("{message} is {other:?}"),
        }
    }
}

#[test]
fn errors_say_what_and_where() {
    for (message, expected) in [
        ("", "nothing but space at byte 0 of the message"),
        (" \n", "nothing but space at byte 2 of the message"),
        ("hello", "no JSON object, and no control text, at byte 0 of the message"),
        (" [1]", "no JSON object, and no control text, at byte 1 of the message"),
        ("{", "broken JSON: EOF while parsing an object at byte 0 of the message"),
        ("\u{feff}{]", "broken JSON: key must be a string at byte 4 of the message"),
        ("{\n\"é\": x}", "broken JSON: expected value at byte 8 of the message"),
        ("{\"a\":1}{\"b\":2}", "broken JSON: trailing characters at byte 7 of the message"),
        (
            "{}",
            "neither an SES event nor a wrapping of one: the message has no `eventType`, `notificationType`, `Type` or `detail`",
        ),
        (
            r#"{"eventType":null,"detail":null}"#,
            "neither an SES event nor a wrapping of one: the message has no `eventType`, `notificationType`, `Type` or `detail`",
        ),
        (r#"{"detail":"jane@example.com"}"#, "the field `detail` is not an object"),
        (r#"{"Type":1}"#, "the field `Type` is not a text"),
        (r#"{"Type":"Notification"}"#, "the field `Message` is missing"),
        (r#"{"Type":"Notification","Message":{}}"#, "the field `Message` is not a text"),
        (r#"{"Type":"Advert"}"#, "the field `Type` is of an unknown kind: `Advert`"),
        (r#"{"Type":"jane@example.com"}"#, "the field `Type` is of an unknown kind: a text of 16 bytes"),
    ] {
        assert_eq!(read(message.as_bytes()).map(|_| ()).unwrap_err().to_string(), expected, "{message}");
    }
}

#[test]
fn errors_inside_an_envelope_say_so() {
    for (message, expected) in [
        (
            in_sns("{\"a\":x}"),
            "broken JSON: expected value at byte 5 of the text inside the SNS envelope's `Message`",
        ),
        (
            in_sns("hello"),
            "no JSON object, and no control text, at byte 0 of the text inside the SNS envelope's `Message`",
        ),
        (
            in_sns("{}"),
            "neither an SES event nor a wrapping of one: the text inside the SNS envelope's `Message` has no `eventType`, `notificationType`, `Type` or `detail`",
        ),
    ] {
        assert_eq!(read(message.as_bytes()).map(|_| ()).unwrap_err().to_string(), expected);
    }
}

#[test]
fn broken_json_in_a_detail_counts_from_the_start_of_the_message() {
    let message = format!(" {}", in_event_bridge(&send().replace("\"m-1\"", "m-1")));
    let error = read(message.as_bytes()).map(|_| ()).unwrap_err();
    let ReadError::Json { offset, text: Within::Message, .. } = error else { panic!("{error}") };
    assert_eq!(offset, message.find("m-1").unwrap());
}

#[test]
fn of_a_key_that_comes_twice_the_last_holds() {
    let event = send().replace("\"m-1\"", "\"m-1\",\"messageId\":\"m-2\"");
    assert_eq!(&*document(event.as_bytes()).event().unwrap().mail.message_id, "m-2");
}

#[test]
fn bytes_that_are_no_text() {
    let mut message = send().into_bytes();
    message[20] = 0xFF;
    assert_eq!(read(&message).map(|_| ()).unwrap_err(), ReadError::Utf8 { offset: 20 });
}

#[test]
fn a_message_has_a_size() {
    let mut message = send();
    message.push_str(&" ".repeat(limits::MESSAGE_BYTES_MAX - message.len()));
    assert_eq!(document(message.as_bytes()).json(), send());
    message.push(' ');
    assert_eq!(
        read(message.as_bytes()).map(|_| ()).unwrap_err().to_string(),
        "the message of 1048577 bytes is over the limit MESSAGE_BYTES_MAX of 1048576"
    );
}

#[test]
fn depth_and_numbers_count_in_unknown_fields_too() {
    for (rest, limit) in [
        (format!(",\"new\":{}{}", "[".repeat(200_000), "]".repeat(200_000)), "JSON_DEPTH_MAX"),
        (format!(",\"new\":{}", "9".repeat(200_000)), "NUMBER_BYTES_MAX"),
        (",\"new\":1e999999".to_owned(), "EXPONENT_DIGITS_MAX"),
    ] {
        let event = record("Send", &[], &rest);
        for message in [event.clone(), in_sns(&event), in_event_bridge(&event)] {
            let error = read(message.as_bytes()).map(|_| ()).unwrap_err();
            assert!(matches!(error, ReadError::OverLimit { limit: l, .. } if l == limit), "{error}");
        }
    }
}

#[test]
fn what_no_database_holds_is_replaced_for_storage_only() {
    let event =
        send().replace("\"m-1\"", r#""m\u00001","source":"half \ud83d and whole \ud83d\ude00","\udead":1"#);
    for message in [event.clone(), in_sns(&event), in_event_bridge(&event)] {
        let document = document(message.as_bytes());
        assert_eq!(document.json(), event);
        assert_eq!(
            document.storable_json(),
            event
                .replace("\\u0000", "\\ufffd")
                .replace("half \\ud83d", "half \\ufffd")
                .replace("\\udead", "\\ufffd")
        );
        let event = document.event().unwrap();
        assert_eq!(&*event.mail.message_id, "m\u{fffd}1");
        assert_eq!(event.mail.source.as_deref(), Some("half \u{fffd} and whole 😀"));
    }
}
