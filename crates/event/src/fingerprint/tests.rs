use super::*;
use crate::tests::{bounce, complaint, fingerprint, record};

fn delivery(time: &str, recipients: &str) -> String {
    record(
        "Delivery",
        &["a@x.org", "b@x.org"],
        &format!(r#","delivery":{{"timestamp":"{time}","recipients":[{recipients}]}}"#),
    )
}

fn click(fields: &str) -> String {
    record("Click", &["a@x.org"], &format!(r#","click":{{"timestamp":"2026-01-01T00:02:00.000Z"{fields}}}"#))
}

/// These values are in databases. One that changes here is a defect, whatever the reason: a new way to take
/// fingerprints needs a new domain string and a step that takes the stored ones anew.
#[test]
fn values_that_are_stored_for_good() {
    for (json, expected) in [
        (record("Send", &["a@x.org"], ""), "2ae88f6617a50b4b79d59963d98b941d"),
        (record("Reject", &["a@x.org"], ""), "d692e5f0dab9df467fe5d0f85bd00233"),
        (record("Rendering Failure", &["a@x.org"], ""), "a94bdc0e397f388b04cb6a4de391de01"),
        (delivery("2026-01-01T00:01:00.123Z", r#""a@x.org","b@x.org""#), "27d1321c61d64d1cd183e3eb6ddf327f"),
        (bounce(&["a@x.org"], &["a@x.org"], r#","feedbackId":"f-1""#), "2c99fe30ef65633dfd136045b2177888"),
        (
            bounce(&["a@x.org"], &["a@x.org"], r#","bounceType":"Transient","bounceSubType":"General""#),
            "6c0adb0f07969547d72deffe5a365ee4",
        ),
        (complaint(&["a@x.org"], &["a@x.org"], r#","feedbackId":"f-1""#), "08c7fe0d7f26692b4b7fe03f3bfcd3c0"),
        (click(r#","link":"https://x.org/?a=1""#), "c7985440025fdaab3c19c745650dc71d"),
        (click(""), "0c644016dd91b231e10b39ae728b3e50"),
        (
            record("MailboxMoved", &["a@x.org"], r#","mailboxMoved":{"timestamp":"2026-01-01T00:03:00Z"}"#),
            "cec09e9ea60b62fbee41bc4e9b755116",
        ),
    ] {
        assert_eq!(fingerprint(&json).to_string(), expected, "{json}");
    }
}

#[test]
fn one_occurrence_has_one_fingerprint() {
    let same = |one: &str, other: &str| assert_eq!(fingerprint(one), fingerprint(other), "{one}\n{other}");

    // The format and the order and spacing of keys.
    let published = bounce(&["a@x.org"], &["a@x.org"], r#","feedbackId":"f-1","bounceType":"Permanent""#);
    same(&published, &published.replace("eventType", "notificationType"));
    same(
        &published,
        &published
            .replace(
                ",\"", " ,
 \"",
            )
            .replace("\":", "\" :	"),
    );
    let reordered = r#"{"bounce":{"feedbackId":"f-1","bouncedRecipients":[{"emailAddress":"a@x.org"}],"timestamp":"2026-01-01T00:01:00.000Z"},"mail":{"timestamp":"2026-01-01T00:00:00.000Z","messageId":"m-1"},"notificationType":"Bounce"}"#;
    same(&published, reordered);

    // The time's spelling, the recipients' order, spelling and repetition.
    let plain = delivery("2026-01-01T00:01:00.120Z", r#""a@x.org","b@x.org""#);
    same(&plain, &delivery("2026-01-01T00:01:00.12Z", r#""b@x.org","a@x.org""#));
    same(&plain, &delivery("2025-12-31 19:01:00.1200009-0500", r#""A <A@x.org>","b@x.org","a@X.org""#));

    // What one feed may know and another not.
    same(&click(""), &click(r#","isBotEvent":"Likely","userAgent":"x","ipAddress":"192.0.2.1""#));
    // With a feedback id, that and the recipients are all that counts.
    same(
        &bounce(&["a@x.org"], &["a@x.org"], r#","feedbackId":"f-1","bounceType":"Permanent""#),
        &bounce(&["a@x.org"], &["a@x.org"], r#","feedbackId":"f-1""#).replace("00:01:00", "00:01:07"),
    );
    // A mail has one Send.
    same(&record("Send", &["a@x.org"], ""), &record("Send", &[], "").replace(".000Z", ".001Z"));
}

#[test]
fn occurrences_that_differ_in_meaning_differ() {
    let all = [
        record("Send", &["a@x.org"], ""),
        record("Send", &["a@x.org"], "").replace("m-1", "m-2"),
        record("Reject", &["a@x.org"], ""),
        record("Rendering Failure", &["a@x.org"], ""),
        delivery("2026-01-01T00:01:00.000Z", r#""a@x.org""#),
        delivery("2026-01-01T00:01:00.000Z", r#""b@x.org""#),
        delivery("2026-01-01T00:01:00.000Z", r#""a@x.org","b@x.org""#),
        delivery("2026-01-01T00:01:00.000Z", r#""a@x.orgb@x.org""#),
        delivery("2026-01-01T00:01:00.000001Z", r#""a@x.org""#),
        bounce(&["a@x.org"], &["a@x.org"], r#","feedbackId":"f-1""#),
        bounce(&["a@x.org"], &["a@x.org"], r#","feedbackId":"f-2""#),
        bounce(&["a@x.org"], &["a@x.org", "b@x.org"], r#","feedbackId":"f-1""#),
        bounce(&["a@x.org"], &["a@x.org"], ""),
        bounce(&["a@x.org"], &["a@x.org"], r#","bounceType":"Transient""#),
        bounce(&["a@x.org"], &["a@x.org"], r#","bounceType":"Permanent""#),
        bounce(&["a@x.org"], &["a@x.org"], r#","bounceType":"Permanent","bounceSubType":"General""#),
        bounce(&["a@x.org"], &["a@x.org"], r#","bounceType":"PermanentGeneral""#),
        complaint(&["a@x.org"], &["a@x.org"], r#","feedbackId":"f-1""#),
        complaint(&["a@x.org"], &["a@x.org"], ""),
        click(""),
        click(r#","link":"""#),
        click(r#","link":"https://x.org/1""#),
        click(r#","link":"https://x.org/2""#),
        click("").replace("Click", "Open").replace("click", "open"),
        record("New", &["a@x.org"], ""),
        record("Newer", &["a@x.org"], ""),
    ];
    let mut fingerprints: Vec<_> = all.iter().map(|json| fingerprint(json)).collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), all.len());
}

#[test]
fn an_empty_feedback_id_is_none() {
    assert_eq!(
        fingerprint(&bounce(&[], &["a@x.org"], r#","feedbackId":"""#)),
        fingerprint(&bounce(&[], &["a@x.org"], "")),
    );
}

#[test]
fn no_two_lists_of_fields_are_the_same_bytes() {
    let hash = |fields: &[&[&str]]| {
        let mut hash = Hash::new();
        for list in fields {
            hash.list(list);
        }
        hash.finish()
    };
    assert_ne!(hash(&[&["ab", "c"]]), hash(&[&["a", "bc"]]));
    assert_ne!(hash(&[&["a"], &["b"]]), hash(&[&["a", "b"]]));
    assert_ne!(hash(&[&[""]]), hash(&[&[]]));
    assert_ne!(hash(&[&[], &[""]]), hash(&[&[""], &[]]));
}

#[test]
fn hexadecimal_shows_leading_zeros() {
    assert_eq!(Fingerprint([0; 16]).to_string(), "0".repeat(32));
    assert_eq!(format!("{:?}", Fingerprint([0xA1; 16])), format!("Fingerprint({})", "a1".repeat(16)));
}
