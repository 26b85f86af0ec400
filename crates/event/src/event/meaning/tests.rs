use super::*;
use crate::tests::{bounce, complaint, record, with_event};

const TIMED: &str = r#"{"timestamp":"2026-01-01T00:05:00.000Z"}"#;

fn timed(event_type: &str, key: &str, destination: &[&str]) -> String {
    record(event_type, destination, &format!(",\"{key}\":{TIMED}"))
}

#[test]
fn each_type_has_its_status_and_time() {
    for (json, status, time) in [
        (record("Send", &[], r#","send":{}"#), Some(Status::Sent), "00:00:00"),
        (timed("Delivery", "delivery", &[]), Some(Status::Delivered), "00:05:00"),
        (timed("Bounce", "bounce", &[]), Some(Status::Bounced), "00:05:00"),
        (timed("Complaint", "complaint", &[]), Some(Status::Complaint), "00:05:00"),
        (timed("Reject", "reject", &[]), Some(Status::Rejected), "00:00:00"),
        (timed("Open", "open", &[]), Some(Status::Opened), "00:05:00"),
        (timed("Click", "click", &[]), Some(Status::Clicked), "00:05:00"),
        (timed("Rendering Failure", "failure", &[]), Some(Status::Failed), "00:00:00"),
        (timed("DeliveryDelay", "deliveryDelay", &[]), Some(Status::Delayed), "00:05:00"),
        (timed("Subscription", "subscription", &[]), Some(Status::Sent), "00:05:00"),
        (timed("MailboxMoved", "mailboxMoved", &[]), None, "00:05:00"),
        (record("MailboxMoved", &[], ""), None, "00:00:00"),
    ] {
        with_event(&json, |event| {
            assert_eq!(event.status(), status, "{json}");
            assert_eq!(event.occurred_at().to_string(), format!("2026-01-01T{time}Z"), "{json}");
        });
    }
}

#[test]
fn a_bounce_is_hard_soft_or_undetermined() {
    for (fields, status, kind) in [
        (r#","bounceType":"Permanent""#, Status::HardBounced, "hard"),
        (
            r#","bounceType":"Permanent","bounceSubType":"OnAccountSuppressionList""#,
            Status::HardBounced,
            "hard",
        ),
        (r#","bounceType":"Transient""#, Status::SoftBounced, "soft"),
        (r#","bounceType":"Undetermined""#, Status::Bounced, "undetermined"),
        (r#","bounceType":"Temporary""#, Status::Bounced, "undetermined"),
        (r#","bounceType":null"#, Status::Bounced, "undetermined"),
        (r#","bounceType":7"#, Status::Bounced, "undetermined"),
        ("", Status::Bounced, "undetermined"),
    ] {
        with_event(&bounce(&["a@x.org"], &["a@x.org"], fields), |event| {
            assert_eq!((event.status(), event.bounce_kind()), (Some(status), Some(kind)), "{fields}");
        });
    }
    with_event(&record("Send", &[], ""), |event| assert_eq!(event.bounce_kind(), None));
}

#[test]
fn a_complaint_may_be_none() {
    for (fields, status) in [
        (r#","complaintFeedbackType":"abuse","complaintSubType":null"#, Some(Status::Complaint)),
        (r#","complaintFeedbackType":"auth-failure""#, Some(Status::Complaint)),
        (r#","complaintFeedbackType":"new-kind","complaintSubType":"NewKind""#, Some(Status::Complaint)),
        (r#","complaintFeedbackType":"not-spam""#, None),
        (r#","complaintSubType":"OnAccountSuppressionList""#, None),
    ] {
        with_event(&complaint(&["a@x.org"], &["a@x.org"], fields), |event| {
            assert_eq!(event.status(), status, "{fields}");
        });
    }
}

#[test]
fn recipients_are_those_the_type_names() {
    let both = &["B <b@x.org>", "a@x.org", "A@X.org", " "];
    for (json, expected) in [
        (record("Send", both, ""), &["a@x.org", "b@x.org"][..]),
        (record("Reject", both, ""), &["a@x.org", "b@x.org"]),
        (record("Rendering Failure", both, ""), &["a@x.org", "b@x.org"]),
        (timed("Subscription", "subscription", both), &["a@x.org", "b@x.org"]),
        (timed("MailboxMoved", "x", both), &["a@x.org", "b@x.org"]),
        (
            timed("Delivery", "delivery", both).replace("000Z\"}}", r#"000Z","recipients":["c@x.org"]}}"#),
            &["c@x.org"],
        ),
        (timed("Delivery", "delivery", both), &[]),
        (bounce(both, &["c@x.org", "C <c@x.org>"], ""), &["c@x.org"]),
        (complaint(both, &["b@x.org"], ""), &["b@x.org"]),
        (timed("Open", "open", both), &[]),
        (timed("Click", "click", both), &[]),
        (timed("Open", "open", &["a@x.org", "A <a@x.org>"]), &["a@x.org"]),
        (timed("Click", "click", &["a@x.org"]), &["a@x.org"]),
        (timed("Open", "open", &[]), &[]),
    ] {
        with_event(&json, |event| assert_eq!(event.recipients(), expected, "{json}"));
    }
    let delayed = bounce(both, &["c@x.org"], "")
        .replace("\"Bounce\"", "\"DeliveryDelay\"")
        .replace("\"bounce\"", "\"deliveryDelay\"")
        .replace("bouncedRecipients", "delayedRecipients");
    with_event(&delayed, |event| {
        assert_eq!(event.recipients(), ["c@x.org"]);
        assert_eq!(event.bounced().len(), 1);
    });
}

#[test]
fn blocks() {
    use BlockReason::{Complaint, HardBounce};
    let permanent = r#","bounceType":"Permanent","bounceSubType":"General""#;
    let never_tried = |subtype: &str| format!(r#","bounceType":"Permanent","bounceSubType":"{subtype}""#);
    let two = &["a@x.org", "b@x.org"];
    for (json, expected) in [
        (bounce(two, &["A <A@x.org>"], permanent), &[("a@x.org", HardBounce)][..]),
        (
            bounce(two, &["b@x.org", "a@x.org"], permanent),
            &[("a@x.org", HardBounce), ("b@x.org", HardBounce)],
        ),
        (bounce(two, &["a@x.org"], &never_tried("Suppressed")), &[("a@x.org", HardBounce)]),
        (bounce(two, &["a@x.org"], &never_tried("NewSubtype")), &[("a@x.org", HardBounce)]),
        (bounce(two, &["a@x.org"], &never_tried("OnAccountSuppressionList")), &[]),
        (bounce(two, &["a@x.org"], &never_tried("OnTenantSuppressionList")), &[]),
        (bounce(two, &["a@x.org"], &never_tried("EmailValidationSuppressed")), &[]),
        (bounce(two, &["a@x.org"], &never_tried("UnsubscribedRecipient")), &[]),
        (bounce(two, &["a@x.org"], r#","bounceType":"Transient""#), &[]),
        (bounce(two, &["a@x.org"], r#","bounceType":"Undetermined""#), &[]),
        (bounce(two, &["a@x.org"], r#","bounceType":"NewKind""#), &[]),
        // A forward's target: the only recipient's, or nobody's.
        (bounce(&["a@x.org"], &["forward@y.org"], permanent), &[("a@x.org", HardBounce)]),
        (bounce(&["a@x.org", "A <a@x.org>"], &["f@y.org", "g@y.org"], permanent), &[("a@x.org", HardBounce)]),
        (bounce(two, &["forward@y.org"], permanent), &[]),
        (bounce(two, &["forward@y.org", "b@x.org"], permanent), &[("b@x.org", HardBounce)]),
        (bounce(&[], &["a@x.org"], permanent), &[]),
        (bounce(&["bounce@simulator.amazonses.com"], &["bounce@simulator.amazonses.com"], permanent), &[]),
        (
            bounce(&["bounce+a@simulator.amazonses.com"], &["bounce+a@Simulator.AmazonSES.com"], permanent),
            &[],
        ),
        (complaint(two, &["a@x.org"], ""), &[("a@x.org", Complaint)]),
        (complaint(two, &["a@x.org", "A@x.org"], ""), &[("a@x.org", Complaint)]),
        (complaint(two, &["a@x.org"], r#","complaintFeedbackType":"abuse""#), &[("a@x.org", Complaint)]),
        (complaint(two, &["a@x.org"], r#","complaintFeedbackType":"not-spam""#), &[]),
        (complaint(two, &["a@x.org"], r#","complaintFeedbackType":"auth-failure""#), &[]),
        (complaint(two, &["a@x.org"], r#","complaintSubType":"OnAccountSuppressionList""#), &[]),
        (complaint(two, &["a@x.org", "b@x.org"], ""), &[]),
        (complaint(two, &[], ""), &[]),
        (complaint(&["complaint@simulator.amazonses.com"], &["complaint@simulator.amazonses.com"], ""), &[]),
        (timed("Reject", "reject", two), &[]),
        (timed("Delivery", "delivery", two), &[]),
    ] {
        with_event(&json, |event| {
            let expected: Vec<_> =
                expected.iter().map(|(address, reason)| ((*address).to_owned(), *reason)).collect();
            assert_eq!(event.blocks(), expected, "{json}");
        });
    }
}

#[test]
fn a_bounced_address_stands_for_a_listed_one() {
    for (destination, address, expected) in [
        (&["A <A@x.org>", "b@x.org"][..], "a@x.org", Some("a@x.org")),
        (&["a@x.org", "b@x.org"], "c@x.org", None),
        (&["a@x.org"], "c@x.org", Some("a@x.org")),
        (&[], "c@x.org", None),
    ] {
        with_event(&bounce(destination, &[address], ""), |event| {
            assert_eq!(event.listed_recipient(address).as_deref(), expected, "{destination:?}");
        });
    }
}

#[test]
fn the_stronger_reason_is_the_greater() {
    assert!(BlockReason::HardBounce < BlockReason::Complaint);
    assert_eq!([BlockReason::HardBounce.name(), BlockReason::Complaint.name()], ["hard_bounce", "complaint"]);
}

#[test]
fn the_column_to() {
    let with_header = |destination: &[&str], to: &str| {
        record("Send", destination, "")
            .replace("\"mail\":{", &format!("\"mail\":{{\"commonHeaders\":{{\"to\":{to}}},"))
    };
    for (json, expected) in [
        (with_header(&["b@x.org"], r#"["Jane <Jane@x.org>, b@x.org"]"#), Some("Jane@x.org")),
        (with_header(&["b@x.org"], r#"["Jane@x.org","b@x.org"]"#), Some("Jane@x.org")),
        (with_header(&["b@x.org"], r#""Jane@x.org""#), Some("Jane@x.org")),
        (with_header(&["B <B@x.org>"], "[]"), Some("B@x.org")),
        (with_header(&["b@x.org"], r#"["undisclosed-recipients:;"]"#), Some("b@x.org")),
        (with_header(&["b@x.org"], r#"["undisclosed recipients"]"#), Some("b@x.org")),
        (with_header(&["b@x.org"], "7"), Some("b@x.org")),
        (with_header(&[], r#"["jane"]"#), Some("jane")),
        (record("Send", &["b@x.org", "a@x.org"], ""), Some("b@x.org")),
        (record("Send", &[""], ""), None),
        (record("Send", &[], ""), None),
    ] {
        with_event(&json, |event| assert_eq!(event.to(), expected, "{json}"));
    }
}

#[test]
fn verdicts_have_three_states() {
    for (value, verdict) in [
        (r#""Likely""#, Some(BotVerdict::Likely)),
        (r#""Unlikely""#, Some(BotVerdict::Unlikely)),
        ("true", Some(BotVerdict::Likely)),
        ("false", Some(BotVerdict::Unlikely)),
        (r#""Perhaps""#, None),
        ("null", None),
        ("1", None),
        ("{}", None),
    ] {
        for (event_type, key) in [("Open", "open"), ("Click", "click")] {
            let json = timed(event_type, key, &[])
                .replace("000Z\"}}", &format!("000Z\",\"isBotEvent\":{value}}}}}"));
            with_event(&json, |event| assert_eq!(event.bot_verdict(), verdict, "{json}"));
        }
    }
    with_event(&timed("Open", "open", &[]), |event| assert_eq!(event.bot_verdict(), None));
    assert!(BotVerdict::Likely > BotVerdict::Unlikely);
}

#[test]
fn subtypes_and_links() {
    let with = |event_type: &str, key: &str, fields: &str| {
        timed(event_type, key, &[]).replace("000Z\"}}", &format!("000Z\",{fields}}}}}"))
    };
    for (json, subtype) in [
        (with("Bounce", "bounce", r#""bounceSubType":"MailboxFull""#), Some("MailboxFull")),
        (
            with("Complaint", "complaint", r#""complaintSubType":"OnAccountSuppressionList""#),
            Some("OnAccountSuppressionList"),
        ),
        (with("DeliveryDelay", "deliveryDelay", r#""delayType":"SendingDeferral""#), Some("SendingDeferral")),
        (with("Subscription", "subscription", r#""source":"UnsubscribeHeader""#), Some("UnsubscribeHeader")),
        (with("Bounce", "bounce", r#""bounceSubType":null"#), None),
        (timed("Delivery", "delivery", &[]), None),
    ] {
        with_event(&json, |event| assert_eq!(event.subtype(), subtype, "{json}"));
    }
    with_event(&with("Click", "click", r#""link":"https:\/\/x.org\/""#), |event| {
        assert_eq!(event.link(), Some("https://x.org/"));
    });
    with_event(&timed("Open", "open", &[]), |event| assert_eq!(event.link(), None));
}
