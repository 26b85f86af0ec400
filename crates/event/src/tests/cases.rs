//! What trackers of this kind got wrong in production, as far as one event shows it.

use std::fs;

use super::{bounce, complaint, document, fingerprint, in_event_bridge, in_sns, record, with_event};
use crate::Status;

fn corpus_file(path: &str) -> String {
    fs::read_to_string(format!("{}/test_data/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn status(json: &str) -> Option<Status> {
    document(json.as_bytes()).event().unwrap().status()
}

#[test]
fn one_complaint_in_both_formats_is_one() {
    let notification = corpus_file("identity-notification/complaint.json");
    let published = notification.replace("notificationType", "eventType");
    assert_eq!(fingerprint(&notification), fingerprint(&published));
}

#[test]
fn one_event_over_two_topics_is_one() {
    let event = corpus_file("event-publishing/open.json");
    let first = in_sns(&event);
    let second = first.replace("\"MessageId\":\"11\"", "\"MessageId\":\"12\"");
    assert_ne!(first, second);
    let expected = fingerprint(&event);
    for message in [first, second, in_event_bridge(&event)] {
        assert_eq!(fingerprint(&message), expected);
    }
}

#[test]
fn two_links_in_one_millisecond_are_two_clicks() {
    let click = corpus_file("event-publishing/click.json");
    let other = click.replace("http://docs.aws.amazon.com", "http://example.com");
    assert_ne!(click, other);
    assert_ne!(fingerprint(&click), fingerprint(&other));
}

#[test]
fn a_later_millisecond_is_another_open() {
    let open = corpus_file("event-publishing/open.json");
    let later = open.replace("22:00:19.652Z", "22:00:19.653Z");
    assert_ne!(open, later);
    assert_ne!(fingerprint(&open), fingerprint(&later));
}

#[test]
fn a_permanent_bounce_is_not_hidden_behind_a_transient_one() {
    let at = |kind: &str, feedback: &str| {
        bounce(&["a@x.org"], &["a@x.org"], &format!(r#","bounceType":"{kind}"{feedback}"#))
    };
    for (transient, permanent) in [
        (at("Transient", ""), at("Permanent", "")),
        (at("Transient", r#","feedbackId":"1""#), at("Permanent", r#","feedbackId":"2""#)),
    ] {
        assert_ne!(fingerprint(&transient), fingerprint(&permanent));
        assert!(status(&transient) < status(&permanent));
    }
}

#[test]
fn the_bounced_recipient_is_not_the_first_destination() {
    with_event(&corpus_file("identity-notification/bounce-2.json"), |event| {
        assert_eq!(event.destination(), ["jane@example.com", "mary@example.com", "richard@example.com"]);
        assert_eq!(event.recipients(), ["jane@example.com", "richard@example.com"]);
        // The header holds a list in one entry.
        assert_eq!(event.to(), Some("jane@example.com"));
    });
}

#[test]
fn a_complaint_about_a_whole_domain_blocks_nobody() {
    let everyone = &["a@x.org", "b@x.org"];
    with_event(&complaint(everyone, everyone, ""), |event| {
        assert_eq!(event.status(), Some(Status::Complaint));
        assert!(event.blocks().is_empty());
    });
}

#[test]
fn an_event_time_is_its_own_and_not_the_mails() {
    for (path, time) in [
        ("event-publishing/open.json", "2017-08-09T22:00:19.652Z"),
        ("event-publishing/click.json", "2017-08-09T23:51:25.57Z"),
    ] {
        with_event(&corpus_file(path), |event| {
            assert_eq!(event.occurred_at().to_string(), time);
            assert_ne!(event.occurred_at(), event.mail.timestamp.at);
        });
    }
}

#[test]
fn an_unreadable_time_is_an_error_and_not_the_present() {
    let json = record("Open", &["a@x.org"], r#","open":{"timestamp":"09/08/2017 10:00 PM"}"#);
    assert_eq!(
        super::event_error(&json).to_string(),
        "the field `open.timestamp` is not a readable time: a text of 19 bytes"
    );
}

#[test]
fn spelling() {
    for (name, type_name, status) in
        [("Rendering Failure", "rendering_failure", Some(Status::Failed)), ("Complained", "complained", None)]
    {
        with_event(&record(name, &[], ""), |event| {
            assert_eq!((event.type_name().as_ref(), event.status()), (type_name, status));
        });
    }
    with_event(&corpus_file("event-publishing/deliverydelay.json"), |event| {
        assert_eq!(event.type_name(), "delivery_delay");
    });
}
