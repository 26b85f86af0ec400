//! What is believed, and everything that only looks like it.

use jiff::SignedDuration;
use serde_json::Value;

use super::{
    client,
    letter::{CERTIFICATE_PATH, HOST, Letter, OTHER_TOPIC, TOPIC},
    origin::Origin,
    signer::Signer,
    world::{World, options},
};
use crate::{fixture::delivery, sns::HooksOptions};

#[tokio::test]
async fn what_sns_signs_is_taken_as_it_was_signed() {
    let world = World::new(&options()).await;
    let mut expected = Vec::new();
    for version in ["1", "2"] {
        for subject in
            [None, Some(""), Some("Amazon SES Email Event Notification"), Some("Ä \"quoted\" \\ subject")]
        {
            for content_type in ["text/plain; charset=UTF-8", "application/json"] {
                // Line breaks, quotes and letters beyond ASCII are signed as they are and not as they are escaped.
                let message = format!("{{\n \"a\": \"ä\\\"\u{1f600}\u{7f}\t{}\" }}", expected.len());
                let letter = Letter::notification(&message);
                let letter = match subject {
                    Some(subject) => letter.with("Subject", subject),
                    None => letter,
                };
                let body = letter.signed(&world.signer, version).json();
                let reply = client::post(world.address, &[("Content-Type", content_type)], &body).await;
                assert_eq!(reply.status, 200, "{version} {subject:?} {content_type}: {:?}", world.counts);
                expected.push(message);
            }
        }
    }
    assert_eq!(world.stored(), expected);
    assert_eq!(world.counts.stored(), expected.len() as u64);
    assert_eq!(world.origin.asked(), [format!("{HOST}{CERTIFICATE_PATH}")], "one fetch does for all");
}

#[tokio::test]
async fn a_subject_that_is_null_is_none() {
    let world = World::new(&options()).await;
    let mut letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    letter.0.insert("Subject".to_owned(), Value::Null);
    assert_eq!(world.post(&letter).await.status, 200);
}

#[tokio::test]
async fn nothing_that_is_signed_can_be_changed() {
    let world = World::new(&options()).await;
    for version in ["1", "2"] {
        let plain = Letter::notification(&delivery("m-1")).signed(&world.signer, version);
        let titled =
            Letter::notification(&delivery("m-1")).with("Subject", "Hello").signed(&world.signer, version);
        let asking = Letter::confirmation().signed(&world.signer, version);
        let later = plain.clone().sent(SignedDuration::from_secs(2));
        for (what, letter) in [
            ("message", plain.clone().with("Message", &delivery("m-2"))),
            ("message with space", plain.clone().with("Message", &format!("{} ", delivery("m-1")))),
            ("empty message", plain.clone().with("Message", "")),
            ("id", plain.clone().with("MessageId", "02f86d9b-eecf-573d-b47d-3d1850750c30")),
            ("id in capitals", plain.clone().with("MessageId", &plain.field("MessageId").to_uppercase())),
            ("time", plain.clone().with("Timestamp", later.field("Timestamp"))),
            (
                "spelling of the time",
                plain.clone().with("Timestamp", &plain.field("Timestamp").replace(".000", "")),
            ),
            ("topic", plain.clone().with("TopicArn", OTHER_TOPIC)),
            ("added subject", plain.clone().with("Subject", "Hello")),
            ("added empty subject", plain.clone().with("Subject", "")),
            ("changed subject", titled.clone().with("Subject", "Hallo")),
            ("missing subject", titled.clone().without("Subject")),
            ("type", asking.clone().with("Type", "Notification")),
            ("other type", asking.clone().with("Type", "UnsubscribeConfirmation")),
            ("token", asking.clone().with("Token", "2336412f37fb")),
            ("address of the confirmation", asking.clone().with("SubscribeURL", "https://evil.example.com/")),
            ("message moved into the subject", {
                // The same lines in the same order, cut otherwise.
                let moved = format!("x\nMessageId\n{}\nSubject\ny", plain.field("MessageId"));
                Letter::notification(&moved)
                    .signed(&world.signer, version)
                    .with("Message", "x")
                    .with("Subject", "y")
            }),
        ] {
            world.refuses(what, &letter, 403, "signature").await;
        }
    }
    assert_eq!(world.origin.asked().len(), 1, "only the certificate was fetched");
}

#[tokio::test]
async fn only_the_certificates_own_key_can_sign() {
    let world = World::new(&options()).await;
    let letter = Letter::notification(&delivery("m-1"));
    let one = letter.clone().signed(&world.signer, "1");
    let two = letter.clone().signed(&world.signer, "2");
    let stranger = Signer::new();
    let long = "A".repeat(2_048);
    for (what, letter) in [
        ("another key, version 1", letter.clone().signed(&stranger, "1")),
        ("another key, version 2", letter.clone().signed(&stranger, "2")),
        ("version 1 said to be 2", one.clone().with("SignatureVersion", "2")),
        ("version 2 said to be 1", two.clone().with("SignatureVersion", "1")),
        ("no signature", two.clone().with("Signature", "")),
        ("a short one", two.clone().with("Signature", "AAAA")),
        ("nothing but zeros", two.clone().with("Signature", &"A".repeat(344))),
    ] {
        world.refuses(what, &letter, 403, "signature").await;
    }
    for signature in ["not base64!", "AAA", "====", long.as_str()] {
        world.refuses(signature, &two.clone().with("Signature", signature), 400, "malformed").await;
    }
    for version in ["3", "0", "", "01", " 1", "2.0", "v2"] {
        world
            .refuses(version, &two.clone().with("SignatureVersion", version), 403, "signature_version")
            .await;
    }
    assert_eq!(world.post(&two).await.status, 200);
}

#[tokio::test]
async fn only_version_2_is_taken_where_that_is_wanted() {
    let world = World::new(&HooksOptions { signature_2_only: true, ..options() }).await;
    let letter = Letter::notification(&delivery("m-1"));
    world.refuses("version 1", &letter.clone().signed(&world.signer, "1"), 403, "signature_version").await;
    assert_eq!(world.origin.asked(), Vec::<String>::new());
    assert_eq!(world.post(&letter.signed(&world.signer, "2")).await.status, 200);
}

/// Whatever stands in an envelope beside the signed fields is nobody's word. A reader that looked at all of it would
/// take an added event for the one that was signed.
#[tokio::test]
async fn what_is_added_to_an_envelope_is_not_read() {
    let world = World::new(&options()).await;
    let genuine = delivery("genuine");
    let letter = Letter::notification(&genuine).signed(&world.signer, "2");
    let forged: Value = serde_json::from_str(&delivery("forged")).unwrap();
    let mut with_event = letter.clone();
    with_event.0.extend(forged.as_object().unwrap().clone());
    let mut with_detail = letter.clone();
    with_detail.0.insert("detail".to_owned(), forged);
    for letter in [with_event, with_detail, letter.with("message", &delivery("forged"))] {
        assert_eq!(world.post(&letter).await.status, 200);
    }
    assert_eq!(world.stored(), vec![genuine; 3]);
}

#[tokio::test]
async fn a_field_that_stands_twice_is_refused() {
    let world = World::new(&options()).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    let json = String::from_utf8(letter.json()).unwrap();
    for name in
        ["Message", "TopicArn", "Type", "Subject", "SigningCertURL", "Signature", "Timestamp", "MessageId"]
    {
        let value = letter.0.get(name).cloned().unwrap_or(Value::Null);
        let field = format!("\"{name}\":{value}");
        // A subject, which this letter lacks, stands twice only if it is put in twice.
        let field = if name == "Subject" { format!("{field},{field}") } else { field };
        let inside = &json[1..json.len() - 1];
        for twice in [format!("{{{field},{inside}}}"), format!("{{{inside},{field}}}")] {
            world.refuses_bytes(name, twice.into_bytes(), 400, "malformed").await;
        }
    }
}

#[tokio::test]
async fn what_is_no_envelope_is_refused() {
    let world = World::new(&options()).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    let deep = "[".repeat(100_000);
    let gzip = [0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0];
    for body in [
        &b""[..],
        b" ",
        b"{}",
        b"[]",
        b"null",
        b"\"text\"",
        b"\xff\xfe{}",
        b"{\"Type\":\"Notification\",\"Message\":\"\xff\"}",
        b"Successfully validated SNS topic for Amazon SES event publishing.",
        deep.as_bytes(),
        &gzip,
        delivery("raw").as_bytes(),
        &[letter.json(), b"x".to_vec()].concat(),
        &letter.json()[..letter.json().len() - 1],
        &[b"\xef\xbb\xbf".to_vec(), letter.json()].concat(),
    ] {
        world.refuses_bytes(&String::from_utf8_lossy(body), body.to_vec(), 400, "malformed").await;
    }
    for name in [
        "Type",
        "MessageId",
        "TopicArn",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
    ] {
        world.refuses(name, &letter.clone().without(name), 400, "malformed").await;
        let mut number = letter.clone();
        number.0.insert(name.to_owned(), 1.into());
        world.refuses(name, &number, 400, "malformed").await;
    }
    for (name, value) in [
        ("Type", "notification"),
        ("Type", "Notification\n"),
        ("MessageId", "1"),
        ("MessageId", "02f86d9b-eecf-573d-b47d-3d1850750c30\nSubject\nx"),
        ("TopicArn", "*"),
        ("TopicArn", ""),
        ("Subject", "a\nTimestamp\nb"),
        ("Timestamp", ""),
        ("Timestamp", "now"),
        ("Timestamp", "2026-13-01T00:00:00.000Z"),
        ("Timestamp", "2026-11-22T18:30:54.000+01:00"),
    ] {
        world.refuses(value, &letter.clone().with(name, value), 400, "malformed").await;
    }
    assert_eq!(world.origin.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn no_other_topic_is_taken_and_nothing_is_fetched_for_it() {
    let world = World::new(&options()).await;
    for topic in [
        "arn:aws:sns:eu-central-1:210987654321:ses-events",
        "arn:aws:sns:us-east-1:123456789012:ses-events",
        "arn:aws:sns:eu-central-1:123456789012:ses-events2",
        "arn:aws:sns:eu-central-1:123456789012:ses-event",
        "arn:aws:sns:eu-central-1:123456789012:SES-EVENTS",
        "arn:aws-cn:sns:eu-central-1:123456789012:ses-events",
    ] {
        let letter =
            Letter::notification(&delivery("m-1")).with("TopicArn", topic).signed(&world.signer, "2");
        world.refuses(topic, &letter, 403, "topic").await;
    }
    assert_eq!(world.origin.asked(), Vec::<String>::new());
    let other =
        Letter::notification(&delivery("m-1")).with("TopicArn", OTHER_TOPIC).signed(&world.signer, "2");
    assert_eq!(world.post(&other).await.status, 200);
}

#[tokio::test]
async fn an_empty_list_of_topics_takes_nothing() {
    let world = World::new(&HooksOptions::default()).await;
    for letter in [Letter::notification(&delivery("m-1")), Letter::confirmation(), Letter::unsubscribed()] {
        world.refuses(TOPIC, &letter.signed(&world.signer, "2"), 403, "topic").await;
    }
    assert_eq!(world.origin.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_message_has_two_hours_and_no_more() {
    let world = World::new(&options()).await;
    let sent = |minutes: i64| {
        Letter::notification(&delivery("m-1"))
            .sent(SignedDuration::from_mins(minutes))
            .signed(&world.signer, "2")
    };
    for minutes in [-121, -24 * 60, -365 * 24 * 60] {
        world.refuses(&minutes.to_string(), &sent(minutes), 403, "too_old").await;
    }
    assert_eq!(world.origin.asked(), Vec::<String>::new());
    for minutes in [-119, -60, 0, 4] {
        assert_eq!(world.post(&sent(minutes)).await.status, 200, "{minutes}");
    }
    // Signed by SNS and not yet: this machine's clock is wrong, and SNS shall try again.
    for minutes in [6, 24 * 60] {
        world.refuses(&minutes.to_string(), &sent(minutes), 503, "from_the_future").await;
    }
    // Whoever merely claims so is told what every forger is told.
    let forged = sent(6).with("Message", "");
    world.refuses("forged", &forged, 403, "signature").await;
}

#[tokio::test]
async fn what_sns_sends_twice_is_taken_twice() {
    let world = World::new(&options()).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "1");
    for _ in 0..2 {
        assert_eq!(world.post(&letter).await.status, 200);
    }
    assert_eq!(world.stored().len(), 2);
}

#[tokio::test]
async fn no_certificate_is_fetched_from_anywhere_else() {
    let world = World::new(&options()).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    for address in [
        format!("http://{HOST}{CERTIFICATE_PATH}"),
        format!("https://evil.com{CERTIFICATE_PATH}"),
        format!("https://{HOST}.evil.com{CERTIFICATE_PATH}"),
        format!("https://{HOST}@evil.com{CERTIFICATE_PATH}"),
        format!("https://user@{HOST}{CERTIFICATE_PATH}"),
        format!("https://{HOST}:443{CERTIFICATE_PATH}"),
        format!("https://{HOST}:8443{CERTIFICATE_PATH}"),
        format!("https://bucket.s3.amazonaws.com{CERTIFICATE_PATH}"),
        format!("https://sns.bucket.s3.eu-central-1.amazonaws.com{CERTIFICATE_PATH}"),
        format!("https://{}{CERTIFICATE_PATH}", HOST.to_uppercase()),
        format!("https://{HOST}/x/..{CERTIFICATE_PATH}"),
        format!("https://{HOST}/%2e%2e{CERTIFICATE_PATH}"),
        format!("https://{HOST}{CERTIFICATE_PATH}?x"),
        format!("https://{HOST}{CERTIFICATE_PATH}#x"),
        format!("https://{HOST}/evil.pem"),
        format!("https://127.0.0.1:{}{CERTIFICATE_PATH}", world.origin.address.port()),
        String::new(),
    ] {
        world
            .refuses(&address, &letter.clone().with("SigningCertURL", &address), 403, "certificate_address")
            .await;
    }
    assert_eq!(world.origin.asked(), Vec::<String>::new());
}

/// A resolver that lies leads to a server that can't show SNS's name.
#[tokio::test]
async fn a_host_that_only_says_it_is_sns_is_not_asked() {
    let signer = Signer::new();
    let origin = Origin::named(&["evil.example.com"]).await;
    origin.put(
        CERTIFICATE_PATH,
        signer.certificate(-SignedDuration::from_hours(1), SignedDuration::from_hours(1)),
    );
    let (mut world, feed) = World::around(origin, signer, &options(), super::world::PATIENT).await;
    world.store(feed);
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    world.refuses("another name", &letter, 503, "certificate_away").await;
    assert_eq!(world.origin.asked(), Vec::<String>::new());
}

/// So does one whose certificate no authority of ours vouches for.
#[tokio::test]
async fn an_authority_that_is_not_ours_is_not_believed() {
    let signer = Signer::new();
    let mut origin = Origin::named(&[HOST]).await;
    origin.roots = Origin::named(&[HOST]).await.roots;
    let (mut world, feed) = World::around(origin, signer, &options(), super::world::PATIENT).await;
    world.store(feed);
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    world.refuses("another authority", &letter, 503, "certificate_away").await;
    assert_eq!(world.origin.asked(), Vec::<String>::new());
}
