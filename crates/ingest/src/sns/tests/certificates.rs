//! What SNS's host may answer when a certificate is fetched.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use rcgen::KeyPair;

use super::{
    letter::{CERTIFICATE_PATH, HOST, Letter, OTHER_TOPIC},
    signer::certificate,
    world::{PATIENT, World, options},
};
use crate::{
    fixture::{delivery, until},
    sns::server::Waits,
};

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn asked() -> String {
    format!("{HOST}{CERTIFICATE_PATH}")
}

#[tokio::test]
async fn what_is_no_certificate_of_an_rsa_key_is_of_no_use() {
    let world = World::new(&options()).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    let pem = world.signer.certificate(hours(-1), hours(1));
    let elliptic = certificate(&KeyPair::generate().unwrap(), hours(-1), hours(1));
    let private = pem.replace("CERTIFICATE", "PRIVATE KEY");
    let broken = pem.replacen("MII", "MIJ", 1);
    for (place, body) in
        ["", "<html></html>", elliptic.as_str(), private.as_str(), broken.as_str(), &pem[..pem.len() / 2]]
            .into_iter()
            .enumerate()
    {
        let path = format!("/SimpleNotificationService-{place}.pem");
        world.origin.put(&path, body);
        let letter = letter.clone().with("SigningCertURL", &format!("https://{HOST}{path}"));
        world.refuses(body, &letter, 403, "certificate_unusable").await;
        // It is remembered.
        world.refuses(body, &letter, 403, "certificate_unusable").await;
    }
    assert_eq!(world.origin.asked().len(), 6);
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let world = World::new(&options()).await;
    let elsewhere = "/SimpleNotificationService-elsewhere.pem";
    world.origin.put(elsewhere, world.signer.certificate(hours(-1), hours(1)));
    for (place, status) in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/SimpleNotificationService-{place}.pem");
        world.origin.put_status(&path, status, &format!("Location: https://{HOST}{elsewhere}\r\n"));
        let letter =
            Letter::notification(&delivery("m-1")).with("SigningCertURL", &format!("https://{HOST}{path}"));
        world.refuses(status, &letter.signed(&world.signer, "2"), 403, "certificate_unusable").await;
    }
    assert!(!world.origin.asked().contains(&format!("{HOST}{elsewhere}")));
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let world = World::new(&options()).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    let pem = world.signer.certificate(hours(-1), hours(1));
    world.origin.put(CERTIFICATE_PATH, pem + &"\n".repeat(64 * 1_024));
    world.refuses("too large", &letter, 403, "certificate_unusable").await;

    let path = "/SimpleNotificationService-chunked.pem";
    let chunks = [b"8000\r\n".to_vec(), vec![b'x'; 0x8000], b"\r\n".to_vec()].concat().repeat(3);
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    world.origin.put_whole(path, [head, chunks].concat());
    let letter = letter.with("SigningCertURL", &format!("https://{HOST}{path}"));
    world.refuses("chunked", &letter, 403, "certificate_unusable").await;

    let path = "/SimpleNotificationService-head.pem";
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(64 * 1_024));
    world.origin.put_whole(path, head.into_bytes());
    let letter = letter.with("SigningCertURL", &format!("https://{HOST}{path}"));
    world.refuses("head", &letter, 503, "certificate_away").await;
}

#[tokio::test]
async fn a_certificate_counts_while_it_is_valid() {
    for (from, until, valid) in [(-48, -1, false), (1, 48, false), (-1, 1, true)] {
        let world = World::new(&options()).await;
        world.origin.put(CERTIFICATE_PATH, world.signer.certificate(hours(from), hours(until)));
        let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
        if valid {
            assert_eq!(world.post(&letter).await.status, 200);
        } else {
            world.refuses("not valid", &letter, 403, "certificate_unusable").await;
        }
    }
}

/// SNS may have tried for an hour when the certificate runs out.
#[tokio::test]
async fn a_certificate_counts_for_what_was_signed_while_it_was_valid() {
    let world = World::new(&options()).await;
    world.origin.put(CERTIFICATE_PATH, world.signer.certificate(hours(-48), SignedDuration::from_mins(-30)));
    let sent = |minutes: i64| {
        Letter::notification(&delivery("m-1"))
            .sent(SignedDuration::from_mins(minutes))
            .signed(&world.signer, "2")
    };
    assert_eq!(world.post(&sent(-45)).await.status, 200);
    world.refuses("too late", &sent(-15), 403, "certificate_unusable").await;
}

#[tokio::test]
async fn what_may_pass_is_sent_again() {
    let world = World::new(&options()).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    for (place, status) in
        ["500 Internal Server Error", "503 Service Unavailable", "429 Too Many Requests", "400 Bad Request"]
            .into_iter()
            .enumerate()
    {
        let path = format!("/SimpleNotificationService-{place}.pem");
        world.origin.put_status(&path, status, "");
        let letter = letter.clone().with("SigningCertURL", &format!("https://{HOST}{path}"));
        world.refuses(status, &letter, 503, "certificate_away").await;
        // For some seconds it is not asked again.
        world.refuses(status, &letter, 503, "certificate_away").await;
        assert_eq!(world.origin.asked().len(), place + 1, "{status}");
    }
    for (place, status) in ["403 Forbidden", "404 Not Found", "410 Gone"].into_iter().enumerate() {
        let path = format!("/SimpleNotificationService-gone-{place}.pem");
        world.origin.put_status(&path, status, "");
        let letter = letter.clone().with("SigningCertURL", &format!("https://{HOST}{path}"));
        world.refuses(status, &letter, 403, "certificate_unusable").await;
    }
    let garbage = "/SimpleNotificationService-garbage.pem";
    world.origin.put_whole(garbage, b"SSH-2.0-OpenSSH\r\n".to_vec());
    let letter = letter.with("SigningCertURL", &format!("https://{HOST}{garbage}"));
    world.refuses("garbage", &letter, 503, "certificate_away").await;
}

#[tokio::test]
async fn a_host_that_never_answers_is_not_waited_for() {
    let waits = Waits { answer: Duration::from_millis(300), ..PATIENT };
    let (mut world, feed) = World::with_feed(&options(), waits).await;
    world.store(feed);
    world.origin.hold(true);
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    assert_eq!(world.post(&letter).await.status, 503);
    assert_eq!(world.stored(), Vec::<String>::new());
}

#[tokio::test]
async fn requests_that_need_the_same_certificate_at_once_share_one_fetch() {
    let world = Arc::new(World::new(&options()).await);
    world.origin.hold(true);
    let mut posts = tokio::task::JoinSet::new();
    for number in 0..8 {
        let letter = Letter::notification(&delivery(&format!("m-{number}"))).signed(&world.signer, "2");
        let world = world.clone();
        posts.spawn(async move { world.post(&letter).await.status });
    }
    until("the certificate is asked for", async || (!world.origin.asked().is_empty()).then_some(())).await;
    world.origin.hold(false);
    assert_eq!(posts.join_all().await, [200; 8]);
    assert_eq!(world.origin.asked(), [asked()]);
}

/// Whoever knows a topic's name and makes up addresses, all of them SNS's, gets few connections for it, and does not
/// push out what is needed.
#[tokio::test]
async fn made_up_addresses_cost_little() {
    let world = World::new(&options()).await;
    let began = Instant::now();
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    assert_eq!(world.post(&letter).await.status, 200);
    for number in 0..200 {
        let address = format!("https://{HOST}/SimpleNotificationService-{number}.pem");
        let status = world.post(&letter.clone().with("SigningCertURL", &address)).await.status;
        assert!([403, 503].contains(&status), "{status}");
    }
    let asked_for = world.origin.asked().len();
    // One more for every two seconds that this took.
    let asked_max = 32 + usize::try_from(began.elapsed().as_secs() / 2).unwrap();
    assert!((2..=asked_max).contains(&asked_for), "{asked_for}");
    assert!(world.refused("certificate_unusable") > 0 && world.refused("certificate_away") > 0);

    assert_eq!(world.post(&letter).await.status, 200);
    assert_eq!(world.origin.asked().len(), asked_for, "the genuine one is still at hand");
}

/// Nor does it matter to other topics than the one that they can name, even if nothing is at hand yet.
#[tokio::test]
async fn made_up_addresses_of_one_topic_leave_the_others_alone() {
    let world = World::new(&options()).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    let mut number = 0;
    // As long as that takes: a slow machine is given more meanwhile.
    while world.refused("certificate_away") == 0 {
        let address = format!("https://{HOST}/SimpleNotificationService-{number}.pem");
        world.post(&letter.clone().with("SigningCertURL", &address)).await;
        number += 1;
    }
    let other =
        Letter::notification(&delivery("m-2")).with("TopicArn", OTHER_TOPIC).signed(&world.signer, "2");
    assert_eq!(world.post(&other).await.status, 200);
    // And what it brought is of use to all.
    assert_eq!(world.post(&letter).await.status, 200);
    assert_eq!(world.stored().len(), 2);
}

/// Where the topic is, and nowhere else: whoever can have SNS sign something elsewhere has said nothing here.
#[tokio::test]
async fn another_regions_certificates_are_not_asked_for() {
    let world = World::new(&options()).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    for host in
        ["sns.us-east-1.amazonaws.com", "sns.eu-central-2.amazonaws.com", "sns.eu-central-1.amazonaws.com.cn"]
    {
        let letter = letter.clone().with("SigningCertURL", &format!("https://{host}{CERTIFICATE_PATH}"));
        world.refuses(host, &letter, 403, "certificate_address").await;
    }
    assert_eq!(world.origin.asked(), Vec::<String>::new());
}
