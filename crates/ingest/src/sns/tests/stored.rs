//! A request is answered with 200 when its message is in the database, and not before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

use super::{
    letter::{Letter, confirmation_path},
    world::{PATIENT, World, options},
};
use crate::{
    Feed, Patience, Pump, Shutdown, SnsFeed,
    fixture::{Ground, delivery, send, until},
    sns::server::Waits,
};

/// Pumps until the wish is voiced.
async fn pump(ground: &Ground, mut feed: SnsFeed, shutdown: Shutdown) -> crate::Tally {
    let pump = Pump::new(ground.store.clone(), shutdown, Arc::new(()));
    let (tally, result) = pump.run("webhook", &mut feed, Patience::Endless).await;
    result.unwrap();
    tally
}

#[tokio::test]
async fn what_was_answered_with_200_is_in_the_database() {
    let ground = Ground::new().await;
    let (world, feed) = World::with_feed(&options(), PATIENT).await;
    let (stop, shutdown) = Shutdown::channel();
    let posting = async {
        for number in 0..5 {
            let id = format!("m-{number}");
            for event in [send(&id), delivery(&id), delivery(&id)] {
                let letter = Letter::notification(&event).signed(&world.signer, "2");
                assert_eq!(world.post(&letter).await.status, 200);
                assert!(ground.stored().await.contains(&id));
            }
        }
        let greeting = "Successfully validated SNS topic for Amazon SES event publishing.";
        assert_eq!(world.post(&Letter::notification(greeting).signed(&world.signer, "1")).await.status, 200);
        // Signed, and still nothing that can be read: it is kept, and SNS need not send it again.
        assert_eq!(world.post(&Letter::notification("{\"a\":").signed(&world.signer, "1")).await.status, 200);
        assert_eq!(ground.quarantined().await, [b"{\"a\":".to_vec()].into());
        stop.send_replace(true);
    };
    let (tally, ()) = tokio::join!(pump(&ground, feed, shutdown), posting);
    assert_eq!((tally.stored, tally.repeated, tally.control, tally.quarantined), (10, 5, 1, 1));
    assert_eq!(world.counts.stored(), 17);
    let origins = ground.texts("SELECT origin FROM {p}.aftersend_quarantine WHERE feed = 'sns'").await;
    assert!(origins[0].starts_with("message "), "{origins:?}");
}

/// SNS is told to try again while the database is away; what it had posted before is stored all the same, once.
#[tokio::test]
async fn without_the_database_sns_is_told_to_try_again() {
    let ground = Ground::new().await;
    let waits = Waits { answer: Duration::from_millis(500), ..PATIENT };
    let (world, feed) = World::with_feed(&options(), waits).await;
    let (stop, shutdown) = Shutdown::channel();
    let blocker = ground.session().await;
    blocker
        .batch_execute(&ground.sql("BEGIN; LOCK TABLE {p}.phoenix_kit_email_logs IN ACCESS EXCLUSIVE MODE"))
        .await
        .unwrap();
    let posting = async {
        let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
        assert_eq!(world.post(&letter).await.status, 503);
        assert_eq!(world.refused("not_stored"), 1);
        blocker.batch_execute("ROLLBACK").await.unwrap();
        until("it is stored", async || ground.stored().await.contains("m-1").then_some(())).await;
        assert_eq!(world.post(&letter).await.status, 200);
        stop.send_replace(true);
    };
    let (tally, ()) = tokio::join!(pump(&ground, feed, shutdown), posting);
    assert_eq!((tally.stored, tally.repeated), (1, 1));
}

/// While a poller finds out when the database is back, nobody waits for it but who waited before.
#[tokio::test]
async fn while_the_database_takes_nothing_sns_is_told_so_at_once() {
    let ground = Ground::new().await;
    let (stop, shutdown) = Shutdown::channel();
    let pump = Pump::new(ground.store.clone(), shutdown, Arc::new(()));
    let intake = pump.intake();
    let (world, mut feed) = World::with_intake(intake.clone()).await;
    world.origin.put(&confirmation_path(), "");
    ground.execute("ALTER TABLE {p}.phoenix_kit_email_events RENAME TO away").await;
    let letter = |id: &str| Letter::notification(&delivery(id)).signed(&world.signer, "2");
    let held = AtomicBool::new(true);
    let first = async {
        assert_eq!(world.post(&letter("m-1")).await.status, 200);
        assert!(!held.load(Ordering::SeqCst), "it is answered when it is stored");
    };
    let meanwhile = async {
        until("the gate is closed", async || intake.is_closed().then_some(())).await;
        for number in 1..=3 {
            world.refuses("closed", &letter("m-2"), 503, "not_stored").await;
            assert_eq!(world.refused("not_stored"), number);
        }
        // Forgers learn nothing from it, and subscriptions need no database.
        world.refuses("forged", &letter("m-2").with("Message", ""), 403, "signature").await;
        assert_eq!(world.post(&Letter::confirmation().signed(&world.signer, "2")).await.status, 200);
        held.store(false, Ordering::SeqCst);
        ground.execute("ALTER TABLE {p}.away RENAME TO phoenix_kit_email_events").await;
        until("the gate is open", async || (!intake.is_closed()).then_some(())).await;
        assert_eq!(world.post(&letter("m-2")).await.status, 200);
    };
    let posting = async {
        tokio::join!(first, meanwhile);
        stop.send_replace(true);
    };
    let ((tally, result), ()) = tokio::join!(pump.run("webhook", &mut feed, Patience::Endless), posting);
    result.unwrap();
    assert_eq!((tally.stored, tally.repeated), (2, 0));
    assert_eq!(ground.stored().await.len(), 2);
}

/// When nobody stores any more, those who wait are told at once.
#[tokio::test]
async fn the_end_of_the_pump_answers_who_waits() {
    let (world, mut feed) = World::with_feed(&options(), PATIENT).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    let ending = async {
        // One is with the pump and one is still in the feed.
        let messages = feed.receive(1).await.unwrap().unwrap();
        until("the other waits", async || (feed.waiting() > 0).then_some(())).await;
        drop(messages);
        drop(feed);
    };
    let (first, second, ()) = tokio::join!(world.post(&letter), world.post(&letter), ending);
    assert_eq!((first.status, second.status), (503, 503));
    assert_eq!(world.post(&letter).await.status, 503);
    assert_eq!(world.refused("not_stored"), 3);
}

#[tokio::test]
async fn what_comes_at_once_is_stored_together() {
    let (world, mut feed) = World::with_feed(&options(), PATIENT).await;
    let world = Arc::new(world);
    let mut posts = JoinSet::new();
    for number in 0..50 {
        let letter = Letter::notification(&delivery(&format!("m-{number}"))).signed(&world.signer, "2");
        let world = world.clone();
        posts.spawn(async move { world.post(&letter).await.status });
    }
    until("all of them wait", async || (feed.waiting() == 50).then_some(())).await;
    let messages = feed.receive(500).await.unwrap().unwrap();
    assert_eq!(messages.len(), 50);
    assert!(posts.try_join_next().is_none(), "nobody is answered before it is stored");
    feed.acknowledge(messages.into_iter().map(|message| message.receipt).collect()).await.unwrap();
    assert_eq!(posts.join_all().await, [200; 50]);
}

/// Whoever hangs up before the answer has still said it.
#[tokio::test]
async fn a_request_that_is_given_up_is_still_stored() {
    let (world, mut feed) = World::with_feed(&options(), PATIENT).await;
    let body = Letter::notification(&delivery("m-1")).signed(&world.signer, "2").json();
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let head = format!("POST /hooks/sns HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    until("it waits", async || (feed.waiting() == 1).then_some(())).await;
    drop(stream);
    let messages = feed.receive(500).await.unwrap().unwrap();
    assert_eq!(messages[0].body, delivery("m-1").into_bytes());
    feed.acknowledge(messages.into_iter().map(|message| message.receipt).collect()).await.unwrap();
}
