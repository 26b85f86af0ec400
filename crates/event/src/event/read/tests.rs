use super::*;
use crate::{
    Status,
    tests::{bounce, complaint, event_error, record, with_event},
};

/// A Delivery with every field of it and of `mail`.
const FULL: &str = r#"{"eventType":"Delivery","mail":{"timestamp":"2026-01-01T00:00:00.000Z","messageId":"m-1","source":"S <s@x.org>","sourceArn":"arn:s","sendingAccountId":"1","destination":["a@x.org"],"headersTruncated":true,"headers":[{"name":"Subject","value":"Hi"},{"name":"X","value":""}],"commonHeaders":{"from":["s@x.org"],"to":["a@x.org"],"subject":"Hi","messageId":"own"},"tags":{"b":["2","3"],"a":["1"]}},"delivery":{"timestamp":"2026-01-01T00:01:00.000Z","processingTimeMillis":546,"recipients":["a@x.org"],"smtpResponse":"250 ok","reportingMTA":"mta.x.org","remoteMtaIp":"192.0.2.1"}}"#;

#[test]
fn every_field_arrives() {
    with_event(FULL, |event| {
        let mail = &event.mail;
        assert_eq!(mail.source.as_deref(), Some("S <s@x.org>"));
        assert_eq!(mail.source_arn.as_deref(), Some("arn:s"));
        assert_eq!(mail.sending_account_id.as_deref(), Some("1"));
        assert!(mail.headers_truncated);
        let headers: Vec<_> = mail.headers.iter().map(|header| (&*header.name, &*header.value)).collect();
        assert_eq!(headers, [("Subject", "Hi"), ("X", "")]);
        assert_eq!(mail.subject.as_deref(), Some("Hi"));
        assert_eq!(mail.to, [Text::from("a@x.org")]);
        let tags: Vec<_> = mail.tags.iter().map(|(name, values)| (&**name, values.len())).collect();
        assert_eq!(tags, [("a", 1), ("b", 2)]);
        let Detail::Delivery(delivery) = &event.detail else { panic!("{event:?}") };
        assert_eq!(delivery.processing_time_ms, Some(546));
        assert_eq!(delivery.smtp_response.as_deref(), Some("250 ok"));
        assert_eq!(delivery.reporting_mta.as_deref(), Some("mta.x.org"));
        assert_eq!(delivery.remote_mta_ip.as_deref(), Some("192.0.2.1"));
    });
}

#[test]
fn texts_borrow_unless_escaped() {
    with_event(FULL, |event| {
        assert!(matches!(event.mail.message_id.0, std::borrow::Cow::Borrowed(_)));
        assert!(matches!(event.mail.destination[0].raw.0, std::borrow::Cow::Borrowed(_)));
    });
    with_event(&FULL.replace("m-1", "m\\u002d1"), |event| assert_eq!(&*event.mail.message_id, "m-1"));
}

/// What merely describes may be of any shape: the event still counts.
#[test]
fn descriptive_fields_of_the_wrong_kind_read_as_missing() {
    for wrong in ["null", "7", "-1.5e300", "true", "\"text\"", "[]", "[7,{}]", "{}", "{\"x\":[]}"] {
        for (field, value) in [
            ("source", r#""S <s@x.org>""#),
            ("sourceArn", r#""arn:s""#),
            ("sendingAccountId", "\"1\""),
            ("headersTruncated", "true"),
            ("headers", r#"[{"name":"Subject","value":"Hi"},{"name":"X","value":""}]"#),
            ("commonHeaders", r#"{"from":["s@x.org"],"to":["a@x.org"],"subject":"Hi","messageId":"own"}"#),
            ("tags", r#"{"b":["2","3"],"a":["1"]}"#),
            ("processingTimeMillis", "546"),
            ("smtpResponse", r#""250 ok""#),
            ("reportingMTA", r#""mta.x.org""#),
            ("remoteMtaIp", r#""192.0.2.1""#),
        ] {
            let whole = format!("\"{field}\":{value}");
            assert!(FULL.contains(&whole), "{field}");
            with_event(&FULL.replace(&whole, &format!("\"{field}\":{wrong}")), |event| {
                assert_eq!(event.status(), Some(Status::Delivered));
                assert_eq!(event.recipients(), ["a@x.org"]);
                assert_eq!(event.subtype(), None);
            });
        }
    }
    with_event(&FULL.replace("546", "-1"), |event| {
        let Detail::Delivery(delivery) = &event.detail else { panic!("{event:?}") };
        assert_eq!(delivery.processing_time_ms, None);
    });
    with_event(&FULL.replace(r#"["1"]"#, r#""1""#).replace(r#"["2","3"]"#, r#"["2",3]"#), |event| {
        assert!(event.mail.tags.values().all(|values| values.len() == 1));
    });
}

#[test]
fn what_makes_the_event_must_be_there() {
    let two = &["a@x.org", "b@x.org"];
    for (json, expected) in [
        (
            FULL.replace("\"eventType\":\"Delivery\"", "\"eventType\":7"),
            "the field `eventType` is not a text",
        ),
        (FULL.replace("\"eventType\":\"Delivery\"", "\"eventType\":\" \""), "the field `eventType` is empty"),
        (
            FULL.replace("\"eventType\"", "\"notificationType\"").replace("\"Delivery\"", "[]"),
            "the field `notificationType` is not a text",
        ),
        (FULL.replace("\"mail\"", "\"male\""), "the field `mail` is missing"),
        (FULL.replace("\"mail\":", "\"mail\":null,\"male\":"), "the field `mail` is missing"),
        (FULL.replace("\"mail\":", "\"mail\":[1],\"male\":"), "the field `mail` is not an object"),
        (FULL.replace("\"messageId\":\"m-1\"", "\"x\":1"), "the field `mail.messageId` is missing"),
        (FULL.replace("\"m-1\"", "1"), "the field `mail.messageId` is not a text"),
        (FULL.replace("\"m-1\"", "\"\""), "the field `mail.messageId` is empty"),
        (
            FULL.replace("2026-01-01T00:00:00.000Z", "yesterday"),
            "the field `mail.timestamp` is not a readable time: a text of 9 bytes",
        ),
        (
            FULL.replace("2026-01-01T00:00:00.000Z", "2026-13-01"),
            "the field `mail.timestamp` is not a readable time: `2026-13-01`",
        ),
        (
            FULL.replace("2026-01-01T00:01:00.000Z", "a@x.org"),
            "the field `delivery.timestamp` is not a readable time: a text of 7 bytes",
        ),
        (
            FULL.replace("\"2026-01-01T00:01:00.000Z\"", "1767225660"),
            "the field `delivery.timestamp` is not a text",
        ),
        (
            FULL.replace("\"timestamp\":\"2026-01-01T00:01:00.000Z\",", ""),
            "the field `delivery.timestamp` is missing",
        ),
        (FULL.replace("\"delivery\":", "\"send\":"), "the field `delivery` is missing"),
        (
            FULL.replace("\"delivery\":", "\"delivery\":\"x\",\"send\":"),
            "the field `delivery` is not an object",
        ),
        (
            FULL.replace("\"destination\":[\"a@x.org\"]", "\"destination\":\"a@x.org\""),
            "the field `mail.destination` is not a list",
        ),
        (
            FULL.replace("\"destination\":[\"a@x.org\"]", "\"destination\":[\"\",\"\",\"\",3]"),
            "the field `mail.destination[3]` is not a text",
        ),
        (
            FULL.replace("\"recipients\":[\"a@x.org\"]", "\"recipients\":[null]"),
            "the field `delivery.recipients[0]` is missing",
        ),
        (
            bounce(two, two, "").replace("{\"emailAddress\":\"b@x.org\"}", "{}"),
            "the field `bounce.bouncedRecipients[1].emailAddress` is missing",
        ),
        (
            bounce(two, two, "").replace("{\"emailAddress\":\"b@x.org\"}", "\"b@x.org\""),
            "the field `bounce.bouncedRecipients[1]` is not an object",
        ),
        (
            complaint(two, two, "").replace("[{", "{\"x\":[{").replace("}]", "}]}"),
            "the field `complaint.complainedRecipients` is not a list",
        ),
        (record("Open", two, ""), "the field `open` is missing"),
        (record("Click", two, r#","click":{}"#), "the field `click.timestamp` is missing"),
        (record("DeliveryDelay", two, r#","delivery_delay":{}"#), "the field `deliveryDelay` is missing"),
        (
            record("Subscription", two, r#","subscription":{"timestamp":"0"}"#),
            "the field `subscription.timestamp` is not a readable time: `0`",
        ),
    ] {
        assert_eq!(event_error(&json).to_string(), expected, "{json}");
    }
}

#[test]
fn what_may_be_missing() {
    for json in [
        r#"{"eventType":"Send","mail":{"messageId":"m-1","timestamp":"2026-01-01T00:00:00Z"}}"#,
        r#"{"eventType":"Send","mail":{"messageId":"m-1","timestamp":"2026-01-01T00:00:00Z","destination":null,"headers":null,"commonHeaders":null,"tags":null},"send":null,"bounce":7}"#,
        r#"{"eventType":"Reject","mail":{"messageId":"m-1","timestamp":"2026-01-01T00:00:00Z"},"reject":[]}"#,
        r#"{"eventType":"Rendering Failure","mail":{"messageId":"m-1","timestamp":"2026-01-01T00:00:00Z"}}"#,
        r#"{"eventType":null,"notificationType":"Complaint","mail":{"messageId":"m-1","timestamp":"2026-01-01T00:00:00Z"},"complaint":{"timestamp":"2026-01-01T00:00:00Z","complainedRecipients":null,"arrivalDate":"soon"}}"#,
    ] {
        with_event(json, |event| {
            assert!(event.recipients().is_empty());
            assert_eq!(event.to(), None);
        });
    }
}

#[test]
fn the_rendering_failure_is_under_failure() {
    let json = record("Rendering Failure", &[], r#","failure":{"templateName":"T","errorMessage":"E"}"#);
    with_event(&json, |event| {
        let Detail::RenderingFailure(failure) = &event.detail else { panic!("{event:?}") };
        assert_eq!(
            (failure.template_name.as_deref(), failure.error_message.as_deref()),
            (Some("T"), Some("E"))
        );
    });
}

#[test]
fn both_type_keys_mean_event_publishing() {
    let json = record("Send", &[], r#","notificationType":"Bounce""#);
    with_event(&json, |event| {
        assert_eq!((event.format, event.event_type()), (Format::EventPublishing, EventType::Send));
    });
}

#[test]
fn unknown_types_are_kept() {
    let timed = |time: &str| format!(r#"{{"timestamp":"2026-01-01T00:0{time}:00Z"}}"#);
    for (rest, expected) in [
        (String::new(), "00:00"),
        (format!(r#","mailboxMoved":{}"#, timed("5")), "05:00"),
        (format!(r#","another":{},"mailboxMoved":{}"#, timed("6"), timed("5")), "05:00"),
        (format!(r#","mailboxMoved":{},"another":{}"#, timed("5"), timed("6")), "05:00"),
        // Not the mail's own time, though `mail` comes first by name.
        (format!(r#","zone":{}"#, timed("5")), "05:00"),
        (format!(r#","b":{},"a":{}"#, timed("6"), timed("7")), "07:00"),
        (format!(r#","a":{},"b":{}"#, timed("7"), timed("6")), "07:00"),
        (format!(r#","mailboxMoved":{{"timestamp":"soon"}},"a":7,"b":{}"#, timed("6")), "06:00"),
        (
            r#","timestamp":"2026-01-01T00:05:00Z","a":[{"timestamp":"2026-01-01T00:05:00Z"}]"#.to_owned(),
            "00:00",
        ),
    ] {
        with_event(&record("MailboxMoved", &["a@x.org"], &rest), |event| {
            assert_eq!(event.event_type(), EventType::Unknown(Text::from("MailboxMoved")));
            assert_eq!(event.type_name(), "mailbox_moved");
            assert_eq!(event.occurred_at().to_string(), format!("2026-01-01T00:{expected}Z"), "{rest}");
            assert_eq!((event.status(), event.subtype()), (None, None));
        });
    }
}

/// A record that has so many of something.
type RecordOf<'f> = &'f dyn Fn(usize) -> String;

#[test]
fn every_list_and_name_has_a_limit() {
    let list = |item: &str, count: usize| vec![item; count].join(",");
    let tags = |count: usize| (0..count).map(|n| format!("\"{n}\":[\"\"]")).collect::<Vec<_>>().join(",");
    let destination =
        |list: String| FULL.replace("\"destination\":[\"a@x.org\"]", &format!("\"destination\":[{list}]"));
    let cases: [(_, _, RecordOf<'_>); 9] = [
        ("RECIPIENTS_MAX", limits::RECIPIENTS_MAX, &|count| destination(list("\"a@x.org\"", count))),
        ("RECIPIENTS_MAX", limits::RECIPIENTS_MAX, &|count| bounce(&[], &vec!["a@x.org"; count], "")),
        ("RECIPIENTS_MAX", limits::RECIPIENTS_MAX, &|count| {
            FULL.replace("\"to\":[\"a@x.org\"]", &format!("\"to\":[{}]", list("\"\"", count)))
        }),
        ("ADDRESS_BYTES_MAX", limits::ADDRESS_BYTES_MAX, &|count| {
            destination(format!("\"{}\"", "a".repeat(count)))
        }),
        ("HEADERS_MAX", limits::HEADERS_MAX, &|count| {
            FULL.replace("\"headers\":[", &format!("\"headers\":[{},", list("{}", count - 2)))
        }),
        ("TAGS_MAX", limits::TAGS_MAX, &|count| {
            FULL.replace("\"tags\":{", &format!("\"tags\":{{{},", tags(count - 2)))
        }),
        ("VALUES_PER_TAG_MAX", limits::VALUES_PER_TAG_MAX, &|count| {
            FULL.replace("[\"1\"]", &format!("[{}]", list("\"1\"", count)))
        }),
        ("MESSAGE_ID_CHARS_MAX", limits::MESSAGE_ID_CHARS_MAX, &|count| {
            FULL.replace("m-1", &"é".repeat(count))
        }),
        ("EVENT_TYPE_CHARS_MAX", limits::EVENT_TYPE_CHARS_MAX, &|count| record(&"É".repeat(count), &[], "")),
    ];
    for (name, max, json) in cases {
        with_event(&json(max), |event| assert!(!event.mail.message_id.is_empty()));
        let error = event_error(&json(max + 1));
        assert!(
            matches!(error, ReadError::OverLimit { limit, max: m, .. } if limit == name && m == max),
            "{error}"
        );
        assert!(error.to_string().len() < 200, "{error}");
    }
}

#[test]
fn a_tag_named_twice_has_the_values_of_both() {
    with_event(&FULL.replace("\"a\":[\"1\"]", "\"b\":[\"1\"]"), |event| {
        let values: Vec<_> = event.mail.tags[&Text::from("b")].iter().map(|value| &**value).collect();
        assert_eq!(values, ["2", "3", "1"]);
    });
}
