//! What a careful forger tries at the edges: two readers of one request that may understand it differently, spellings
//! that only look alike, headers that say another thing than the body.

use serde_json::{Value, json};

use super::{
    client::{self, exchange},
    letter::{CERTIFICATE_PATH, HOST, Letter, OTHER_TOPIC, TOPIC},
    world::{World, options},
};
use crate::fixture::delivery;

/// The body counts, which is signed, whatever the headers say.
#[tokio::test]
async fn headers_neither_help_nor_harm() {
    let world = World::new(&options()).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    let id = letter.field("MessageId").to_owned();
    let foreign = "arn:aws:sns:eu-central-1:210987654321:other";
    let headers = [
        [
            ("x-amz-sns-topic-arn", foreign),
            ("x-amz-sns-message-id", "none"),
            ("x-amz-sns-rawdelivery", "false"),
        ],
        [
            ("x-amz-sns-message-type", "SubscriptionConfirmation"),
            ("x-amz-sns-topic-arn", OTHER_TOPIC),
            ("Content-Encoding", "gzip"),
        ],
        [
            ("x-amz-sns-message-type", "UnsubscribeConfirmation"),
            ("x-amz-sns-topic-arn", ""),
            ("X-HTTP-Method-Override", "GET"),
        ],
    ];
    for headers in &headers {
        assert_eq!(client::post(world.address, headers, &letter.json()).await.status, 200, "{headers:?}");
    }
    assert_eq!(world.stored(), vec![delivery("m-1"); 3]);
    // What is genuine in the headers alone is nothing.
    let genuine = [
        ("x-amz-sns-message-type", "Notification"),
        ("x-amz-sns-topic-arn", TOPIC),
        ("x-amz-sns-message-id", id.as_str()),
        ("x-amz-sns-subscription-arn", TOPIC),
    ];
    for forged in [
        letter.clone().with("Message", &delivery("m-2")),
        letter.clone().with("TopicArn", foreign),
        letter.with("Signature", ""),
    ] {
        assert_eq!(client::post(world.address, &genuine, &forged.json()).await.status, 403);
    }
    assert_eq!(world.stored().len(), 3);
    assert_eq!((world.counts.confirmed(), world.counts.unsubscribed()), (0, 0));
}

/// JSON has many spellings of one text, and all readers of it must see the same fields.
#[tokio::test]
async fn a_field_is_the_same_however_it_is_escaped() {
    let world = World::new(&options()).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    let json = String::from_utf8(letter.json()).unwrap();
    let escaped = json.replace("\"TopicArn\"", "\"\\u0054opicArn\"").replace("https://", "https:\\/\\/");
    assert_ne!(escaped, json);
    assert_eq!(world.post_bytes(escaped.as_bytes()).await.status, 200);
    for (name, value) in [("Message", delivery("m-2")), ("TopicArn", OTHER_TOPIC.to_owned())] {
        let (first, rest) = name.split_at(1);
        let twin = format!("\"\\u{:04x}{rest}\":{}", first.as_bytes()[0], Value::from(value));
        let inside = &json[1..json.len() - 1];
        for twice in [format!("{{{twin},{inside}}}"), format!("{{{inside},{twin}}}")] {
            world.refuses_bytes(name, twice.into_bytes(), 400, "malformed").await;
        }
    }
    // Other fields, which nobody reads.
    for name in ["message", "MESSAGE", "Message ", "Message\0", "Mеssage"] {
        assert_eq!(world.post(&letter.clone().with(name, &delivery("m-2"))).await.status, 200, "{name:?}");
    }
    assert_eq!(world.stored(), vec![delivery("m-1"); 6]);
}

#[tokio::test]
async fn a_version_is_one_of_two_texts() {
    let world = World::new(&options()).await;
    for version in ["1", "2"] {
        let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, version);
        let number: u64 = version.parse().unwrap();
        for value in [json!(number), json!([version]), json!({}), json!(true), Value::Null] {
            let mut letter = letter.clone();
            letter.0.insert("SignatureVersion".to_owned(), value.clone());
            world.refuses(&value.to_string(), &letter, 400, "malformed").await;
        }
        for text in [
            format!("{version} "),
            format!("+{version}"),
            format!("{version}\n"),
            "１".to_owned(),
            "Ⅱ".to_owned(),
        ] {
            world
                .refuses(&text, &letter.clone().with("SignatureVersion", &text), 403, "signature_version")
                .await;
        }
    }
    assert_eq!(world.origin.asked(), Vec::<String>::new());
}

/// None, an empty one and null: two of them sign the same, and the third does not.
#[tokio::test]
async fn a_subject_cannot_come_or_go() {
    let world = World::new(&options()).await;
    let without = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    let empty = Letter::notification(&delivery("m-1")).with("Subject", "").signed(&world.signer, "2");
    let null = |mut letter: Letter| {
        letter.0.insert("Subject".to_owned(), Value::Null);
        letter
    };
    for letter in [without.clone(), null(without.clone()), empty.clone()] {
        assert_eq!(world.post(&letter).await.status, 200);
    }
    for letter in [without.with("Subject", ""), empty.clone().without("Subject"), null(empty)] {
        world.refuses("another subject", &letter, 403, "signature").await;
    }
}

/// Names that look like an allowed one, signed rightly: some other account's topic may have any.
#[tokio::test]
async fn no_name_of_a_topic_only_looks_like_another() {
    let world = World::new(&options()).await;
    let name = TOPIC.rsplit_once(':').unwrap().1;
    for topic in [
        format!("{TOPIC} "),
        format!("\u{feff}{TOPIC}"),
        format!("{TOPIC}\0"),
        format!("{TOPIC}:7c3fe3b4-2a1f-4b0c-9a1e-000000000000"),
        format!("{TOPIC}.fifo"),
        format!("{TOPIC}%20"),
        TOPIC.replace(':', "%3A"),
        TOPIC.replace(name, "ses‐events"),
        TOPIC.replace(name, "sеs-events"),
        TOPIC.replace(name, "ses-\u{200b}events"),
        TOPIC.replace("123456789012", "１23456789012"),
        TOPIC.replace("eu-central-1", "eu-central-1a"),
        TOPIC.replace("arn:", "ARN:"),
    ] {
        let letter =
            Letter::notification(&delivery("m-1")).with("TopicArn", &topic).signed(&world.signer, "2");
        world.refuses(&topic, &letter, 400, "malformed").await;
    }
    assert_eq!(world.origin.asked(), Vec::<String>::new());
}

/// Addresses that a browser, a resolver or a library of URLs would read as SNS's, or as somebody else's.
#[tokio::test]
async fn an_address_has_one_spelling() {
    let world = World::new(&options()).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    for address in [
        format!("https://{HOST}.{CERTIFICATE_PATH}"),
        format!("https://{HOST}:0443{CERTIFICATE_PATH}"),
        format!("https://{HOST}:{CERTIFICATE_PATH}"),
        format!("https://@{HOST}{CERTIFICATE_PATH}"),
        format!("https://evil.com\\@{HOST}{CERTIFICATE_PATH}"),
        format!("https://evil.com%2f@{HOST}{CERTIFICATE_PATH}"),
        format!("https://{HOST}%2eevil.com{CERTIFICATE_PATH}"),
        format!("https://{HOST}。evil.com{CERTIFICATE_PATH}"),
        format!("https://{}{CERTIFICATE_PATH}", HOST.replace('.', "。")),
        format!("https://{}{CERTIFICATE_PATH}", HOST.replace("sns", "ѕns")),
        format!("https://{}{CERTIFICATE_PATH}", HOST.replace("sns", "xn--ns-nlc")),
        format!("https://{}{CERTIFICATE_PATH}", HOST.replace("amazonaws.com", "amazonaws.com.cn.evil.com")),
        format!("https://[::ffff:127.0.0.1]{CERTIFICATE_PATH}"),
        format!("https://[{HOST}]{CERTIFICATE_PATH}"),
        format!("https://2130706433{CERTIFICATE_PATH}"),
        format!("https://{HOST}\t{CERTIFICATE_PATH}"),
        format!("https://{HOST}{CERTIFICATE_PATH}\n"),
        format!("https://{HOST}{CERTIFICATE_PATH}\0"),
        format!("\u{feff}https://{HOST}{CERTIFICATE_PATH}"),
        format!("https:\\\\{HOST}{CERTIFICATE_PATH}"),
        format!("https://{HOST}//{}", CERTIFICATE_PATH.trim_start_matches('/')),
        format!("https://{HOST}/;{CERTIFICATE_PATH}"),
        format!("https://{HOST}{}", CERTIFICATE_PATH.replace(".pem", "%2epem")),
        format!("https://{HOST}{}", CERTIFICATE_PATH.replace(".pem", ".pem%00.pem")),
        format!("https://{HOST}{}", CERTIFICATE_PATH.replace(".pem", ".crt")),
    ] {
        let letter = letter.clone().with("SigningCertURL", &address);
        world.refuses(&address, &letter, 403, "certificate_address").await;
    }
    assert_eq!(world.origin.asked(), Vec::<String>::new());
}

/// A request whose end two readers may see in different places is refused, and nothing after the first request of a
/// connection is one.
#[tokio::test]
async fn a_connection_holds_one_request_with_one_end() {
    let world = World::new(&options()).await;
    let genuine = Letter::notification(&delivery("genuine")).signed(&world.signer, "2").json();
    let hidden = Letter::notification(&delivery("hidden")).signed(&world.signer, "2").json();
    let second = [
        format!("POST /hooks/sns HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", hidden.len()).as_bytes(),
        &hidden,
    ]
    .concat();
    let length = genuine.len();
    let chunked = [format!("{length:x}\r\n").as_bytes(), &genuine, b"\r\n0\r\n\r\n"].concat();
    let head = |headers: &str| format!("POST /hooks/sns HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes();

    // One after the other, whether or not the connection is said to be kept.
    for keep in ["", "Connection: keep-alive\r\n"] {
        let first = head(&format!("Content-Length: {length}\r\n{keep}"));
        let reply = exchange(world.address, &[&first, &*genuine, &second].concat()).await.unwrap();
        assert_eq!(reply.status, 200);
    }
    assert_eq!(world.stored(), vec![delivery("genuine"); 2]);

    for (headers, body) in [
        ("Content-Length: 5\r\nContent-Length: 6\r\n", &*genuine),
        ("Content-Length: 5, 6\r\n", &genuine),
        ("Content-Length: +5\r\n", &genuine),
        ("Content-Length: -1\r\n", &genuine),
        ("Content-Length: 0x10\r\n", &genuine),
        ("Content-Length: 99999999999999999999\r\n", &genuine),
        ("Content-Length : 5\r\n", &genuine),
        ("Transfer-Encoding: identity\r\n", &chunked),
        ("Transfer-Encoding: chunked, identity\r\n", &chunked),
        ("Transfer-Encoding: xchunked\r\n", &chunked),
        ("Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"-1\r\nx\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"0x5\r\nhello\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"5\nhello\n0\n\n"),
        ("X: a\r\n b\r\nContent-Length: 2\r\n", b"{}"),
        ("X: a\0b\r\nContent-Length: 2\r\n", b"{}"),
        ("X\0: b\r\nContent-Length: 2\r\n", b"{}"),
    ] {
        let reply = exchange(world.address, &[&head(headers), body].concat()).await;
        assert!(
            reply.as_ref().is_none_or(|reply| (400..=503).contains(&reply.status)),
            "{headers:?}: {reply:?}"
        );
        assert_eq!(world.stored().len(), 2, "{headers:?}");
    }
    // Where both are said, chunks count, and what a reader of the length would take for a second request is none.
    let both = head("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n");
    let reply = exchange(world.address, &[&both, &*chunked, &second].concat()).await;
    assert!(reply.is_none_or(|reply| [200, 400].contains(&reply.status)));
    for line in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\x00\x01", "POST /hooks/sns\r\n\r\n"] {
        let reply = exchange(world.address, line.as_bytes()).await;
        assert!(reply.is_none_or(|reply| reply.status >= 400), "{line:?}");
    }
    assert!(world.stored().iter().all(|stored| *stored == delivery("genuine")), "{:?}", world.stored());
}

/// Whoever announces more than there is, or ends early, has posted nothing.
#[tokio::test]
async fn half_a_message_is_none() {
    let world = World::new(&options()).await;
    let body = Letter::notification(&delivery("m-1")).signed(&world.signer, "2").json();
    for (headers, body) in [
        (format!("Content-Length: {}\r\n", body.len() + 1), body.clone()),
        (
            "Transfer-Encoding: chunked\r\n".to_owned(),
            [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat(),
        ),
    ] {
        let head = format!("POST /hooks/sns HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, &[head.as_bytes(), &body].concat()).await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
        let reply = client::read(&mut stream).await;
        assert!(reply.is_none_or(|reply| reply.status == 503 || reply.status == 400));
    }
    assert_eq!(world.stored(), Vec::<String>::new());
}
