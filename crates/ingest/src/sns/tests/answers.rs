//! What the listener does for those who are not SNS, or not as they should be.

use std::{num::NonZeroU32, time::Duration};

use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    client::{self, exchange, read, request},
    letter::Letter,
    world::{PATIENT, World, options},
};
use crate::{
    Feed,
    fixture::{delivery, until},
    sns::{HooksOptions, server::Waits},
};

const SOON: Duration = Duration::from_millis(200);

#[tokio::test]
async fn there_is_nothing_else_to_be_found() {
    let world = World::new(&options()).await;
    let body = Letter::notification(&delivery("m-1")).signed(&world.signer, "2").json();
    for path in [
        "/",
        "/mails",
        "/metrics",
        "/healthz",
        "/hooks",
        "/hooks/",
        "/hooks/sns/",
        "/hooks/sns/x",
        "/hooks//sns",
        "/Hooks/sns",
        "/hooks/sn%73",
        "/x/../hooks/sns",
        "http://evil.com/",
    ] {
        for method in ["GET", "POST", "HEAD", "OPTIONS"] {
            assert_eq!(request(world.address, method, path, &[], &body).await.status, 404, "{method} {path}");
        }
    }
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "POSTS"] {
        let reply = request(world.address, method, "/hooks/sns", &[], &body).await;
        assert_eq!(reply.status, 405, "{method}");
        assert_eq!(reply.header("Allow"), Some("POST"));
        assert_eq!(reply.header("Server"), None);
    }
    assert_eq!(world.stored(), Vec::<String>::new());
    assert_eq!(request(world.address, "POST", "/hooks/sns?x=1", &[], &body).await.status, 200);
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let world = World::new(&options()).await;
    // Announced: nothing of it is read.
    let head = "POST /hooks/sns HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n";
    assert_eq!(exchange(world.address, head.as_bytes()).await.unwrap().status, 413);
    // Not announced. What is written after the answer may reset the connection before it is read.
    let head = "POST /hooks/sns HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x1_0000], b"\r\n".to_vec()].concat();
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..17 {
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    until("it is refused", async || (world.refused("too_large") == 2).then_some(())).await;

    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(900 * 1_024));
    let letter = Letter::notification(&large).signed(&world.signer, "2");
    assert_eq!(world.post(&letter).await.status, 200);
    assert_eq!(world.stored(), [large]);
}

#[tokio::test]
async fn a_body_may_come_in_chunks() {
    let world = World::new(&options()).await;
    let body = Letter::notification(&delivery("m-1")).signed(&world.signer, "2").json();
    let mut bytes =
        b"POST /hooks/sns HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            .to_vec();
    for chunk in body.chunks(100) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    assert_eq!(exchange(world.address, &bytes).await.unwrap().status, 200);
    assert_eq!(world.stored(), [delivery("m-1")]);
}

/// Whoever sends a byte now and then keeps nothing and nobody.
#[tokio::test]
async fn slow_requests_are_cut_off() {
    let waits = Waits { head: SOON, body: SOON, ..PATIENT };
    let (mut world, feed) = World::with_feed(&options(), waits).await;
    world.store(feed);
    for beginning in ["", "POST /hooks/sns HT", "POST /hooks/sns HTTP/1.1\r\nHost: x\r\n"] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        // Ends, by whatever answer.
        let ended = tokio::time::timeout(Duration::from_secs(20), read_anything(&mut stream)).await;
        assert!(ended.is_ok(), "{beginning:?} is cut off");
    }
    for framing in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        let head = format!("POST /hooks/sns HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(b"1").await.unwrap();
        assert_eq!(read(&mut stream).await.unwrap().status, 503, "{framing}");
    }
    assert_eq!(world.refused("broken_off"), 2);
}

async fn read_anything(stream: &mut TcpStream) {
    use tokio::io::AsyncReadExt;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
}

#[tokio::test]
async fn a_head_has_a_limit() {
    let world = World::new(&options()).await;
    let large = format!("POST /hooks/sns HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(64 * 1_024));
    let many = format!("POST /hooks/sns HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(100));
    assert_eq!(exchange(world.address, many.as_bytes()).await.unwrap().status, 431);
    // What comes after the answer may reset the connection before the answer is read.
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let _ = stream.write_all(large.as_bytes()).await;
    let reply = read(&mut stream).await;
    assert!(reply.is_none_or(|reply| reply.status == 431));
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    assert_eq!(world.post(&letter).await.status, 200);
}

#[tokio::test]
async fn a_source_has_a_rate_whatever_it_says_of_itself() {
    let slow = HooksOptions { requests_per_second_max: NonZeroU32::new(3).unwrap(), ..options() };
    let world = World::new(&slow).await;
    let body = Letter::notification(&delivery("m-1")).signed(&world.signer, "2").json();
    let mut statuses = Vec::new();
    for number in 0..20 {
        let forwarded = format!("203.0.113.{number}");
        let headers =
            [("X-Forwarded-For", forwarded.as_str()), ("X-Real-IP", &forwarded), ("Forwarded", &forwarded)];
        statuses.push(client::post(world.address, &headers, &body).await.status);
    }
    assert_eq!(statuses[..3], [200; 3]);
    assert!(statuses.contains(&429), "{statuses:?}");
    // And it comes back, for SNS to try again.
    until("the source is let in again", async || {
        (client::post(world.address, &[], &body).await.status == 200).then_some(())
    })
    .await;
}

/// Bodies that wait to be stored have a limit together, and what is beyond it is for SNS to send again.
#[tokio::test]
async fn bodies_in_memory_have_a_limit() {
    let (world, mut feed) = World::with_feed(&options(), PATIENT).await;
    let world = std::sync::Arc::new(world);
    let large = "x".repeat(900 * 1_024);
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let letter = Letter::notification(&large).signed(&world.signer, "2");
        let world = world.clone();
        posts.spawn(async move { world.post(&letter).await.status });
    }
    until("some are refused", async || (world.refused("overloaded") > 0).then_some(())).await;
    let mut statuses = Vec::new();
    while statuses.len() < 40 {
        tokio::select! {
            Some(status) = posts.join_next() => statuses.push(status.unwrap()),
            Ok(Some(messages)) = feed.receive(500) => {
                let receipts = messages.into_iter().map(|message| message.receipt).collect();
                feed.acknowledge(receipts).await.unwrap();
            }
        }
    }
    let stored = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 40 - stored, "{statuses:?}");
    assert!((10..40).contains(&stored), "{stored}");
    // All of the room has come back.
    let letter = Letter::notification(&large).signed(&world.signer, "2");
    let posting = {
        let world = world.clone();
        tokio::spawn(async move { world.post(&letter).await.status })
    };
    let messages = feed.receive(500).await.unwrap().unwrap();
    feed.acknowledge(messages.into_iter().map(|message| message.receipt).collect()).await.unwrap();
    assert_eq!(posting.await.unwrap(), 200);
}

/// A proxy that keeps connections must not find one closed under its hands.
#[tokio::test]
async fn a_connection_carries_one_request_and_says_so() {
    let world = World::new(&options()).await;
    let body = Letter::notification(&delivery("m-1")).signed(&world.signer, "2").json();
    let head = format!("POST /hooks/sns HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    let reply = exchange(world.address, &[head.as_bytes(), &body].concat()).await.unwrap();
    assert_eq!((reply.status, reply.header("Connection")), (200, Some("close")));
}
