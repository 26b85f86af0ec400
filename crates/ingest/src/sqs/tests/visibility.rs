//! How long messages stay with the poller that received them.

use super::*;

/// The visibility timeouts that receives asked for.
fn asked_for(proxy: &Proxy) -> BTreeSet<i64> {
    let calls = proxy.calls("ReceiveMessage");
    calls.iter().map(|call| call.request["VisibilityTimeout"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn receives_ask_for_the_queues_own_timeout_or_the_one_that_was_chosen() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let name = "receives_ask_for_the_queues_own_timeout_or_the_one_that_was_chosen";
    let queue_url = server.create_queue_with(name, &json!({"VisibilityTimeout": "7"})).await;
    for (chosen, may_read, expected, reads) in
        [(None, true, 7, 1), (None, false, 30, 1), (Some(11), true, 11, 0)]
    {
        server.send_all(&queue_url, &deliveries("mail", 1)).await;
        let proxy = Proxy::start(server.clone(), move |action, _| match action {
            "GetQueueAttributes" if !may_read => Fault::Refuse(403, "AccessDenied"),
            _ => Fault::Pass,
        })
        .await;
        let options = QueueOptions {
            queue_url: proxy.url(&queue_url),
            visibility_timeout_s: chosen,
            drain: true,
            ..QueueOptions::default()
        };
        let mut feeds = SqsFeed::open_pollers(&options, NonZeroUsize::new(2).unwrap()).await.unwrap();
        for feed in &mut feeds {
            feed.poll_s = 0;
        }
        let run = ground.pump_pollers(feeds, Patience::Endless, Shutdown::channel().1).await;
        run.result.unwrap();
        assert_eq!(run.tally.received, 1);
        assert_eq!(asked_for(&proxy), BTreeSet::from([expected]));
        assert_eq!(proxy.calls("GetQueueAttributes").len(), reads, "once for all pollers");
    }
}

/// A queue with a short visibility timeout, and ten messages of which one is about a locked mail.
async fn with_a_locked_mail_and_little_time(
    name: &str,
    timeout_s: &str,
) -> (Ground, aftersend_testkit::database::Client, Arc<QueueServer>, String) {
    let ((ground, blocker), server) = tokio::join!(with_a_locked_mail(), server());
    let queue_url = server.create_queue_with(name, &json!({"VisibilityTimeout": timeout_s})).await;
    let mut bodies = deliveries("other", 9);
    bodies.push(delivery("locked"));
    server.send_all(&queue_url, &bodies).await;
    (ground, blocker, server, queue_url)
}

#[tokio::test]
async fn a_batch_that_waits_is_kept_from_other_pollers() {
    let (ground, blocker, server, queue_url) =
        with_a_locked_mail_and_little_time("a_batch_that_waits_is_kept_from_other_pollers", "2").await;
    // One change of ten is lost on its way, and one entry fails.
    let proxy = Proxy::start(server.clone(), |action, before| match (action, before) {
        ("ChangeMessageVisibilityBatch", 1) => Fault::DropBefore,
        ("ChangeMessageVisibilityBatch", 4) => Fault::FailEntries(&["9"]),
        _ => Fault::Pass,
    })
    .await;
    let release = async {
        ground.waiting_session().await;
        // More than twice the timeout is over by then.
        until("the messages were kept eight times", async || {
            assert_eq!(server.counts(&queue_url).await.visible, 0);
            (proxy.calls("ChangeMessageVisibilityBatch").len() >= 9).then_some(())
        })
        .await;
        blocker.batch_execute("ROLLBACK").await.unwrap();
    };
    let mut feed = feed(&proxy.url(&queue_url)).await;
    let (run, ()) = tokio::join!(ground.pump(&mut feed), release);
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 10, stored: 10, ..Tally::default() });
    assert_eq!(server.counts(&queue_url).await, EMPTY);
}

#[tokio::test]
async fn what_may_not_be_kept_comes_again_and_is_a_repeat() {
    let (ground, blocker, server, queue_url) =
        with_a_locked_mail_and_little_time("what_may_not_be_kept_comes_again_and_is_a_repeat", "1").await;
    let proxy = Proxy::start(server.clone(), |action, _| match action {
        "ChangeMessageVisibilityBatch" => Fault::Refuse(403, "AccessDenied"),
        _ => Fault::Pass,
    })
    .await;
    let url = proxy.url(&queue_url);
    let (mut late, mut second) = tokio::join!(feed(&url), feed(&url));
    let meanwhile = async {
        ground.waiting_session().await;
        until("the messages are visible again", async || {
            (server.counts(&queue_url).await.visible == 10).then_some(())
        })
        .await;
        let release = async {
            until("the second poller waits, too", async || {
                (ground.waiting_sessions().await.len() == 2).then_some(())
            })
            .await;
            blocker.batch_execute("ROLLBACK").await.unwrap();
        };
        tokio::join!(ground.pump(&mut second), release).0
    };
    let (late, second) = tokio::join!(ground.pump(&mut late), meanwhile);
    late.result.unwrap();
    second.result.unwrap();
    let mut tally = late.tally;
    tally += second.tally;
    assert_eq!((tally.stored, tally.folded, tally.quarantined), (10, 0, 0), "{tally}");
    assert!(tally.repeated >= 10, "{tally}");
    assert_eq!(ground.event_count().await, 11);
    assert_eq!(server.counts(&queue_url).await, EMPTY);
    // Each of the two has tried it once.
    assert!(proxy.calls("ChangeMessageVisibilityBatch").len() <= 2);
}

#[tokio::test]
async fn a_shutdown_makes_what_waits_visible_at_once() {
    let ((ground, _blocker), server) = tokio::join!(with_a_locked_mail(), server());
    let queue_url = server.create_queue("a_shutdown_makes_what_waits_visible_at_once").await;
    let mut bodies = deliveries("other", 44);
    bodies.push(delivery("locked"));
    server.send_all(&queue_url, &bodies).await;
    let (sender, shutdown) = Shutdown::channel();
    let stop = async {
        ground.waiting_session().await;
        sender.send_replace(true);
    };
    let mut poller = poller(&queue_url).await;
    let (run, ()) = tokio::join!(ground.pump_with(&mut poller, Patience::Endless, shutdown), stop);
    run.result.unwrap();
    assert_eq!((run.tally, run.told.counted("released")), (Tally::default(), 45));
    assert_eq!(server.counts(&queue_url).await, Counts { visible: 45, in_flight: 0 });
}

#[tokio::test]
async fn a_shutdown_hands_back_what_was_gathered_and_waits_for_no_long_poll() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url =
        server.create_queue("a_shutdown_hands_back_what_was_gathered_and_waits_for_no_long_poll").await;
    server.send_all(&queue_url, &deliveries("mail", 4)).await;
    let proxy = Proxy::start(server.clone(), |action, before| match (action, before) {
        ("ReceiveMessage", 1) => Fault::Hang,
        _ => Fault::Pass,
    })
    .await;
    let (sender, shutdown) = Shutdown::channel();
    let stop = async {
        until("it gathers", async || (proxy.calls("ReceiveMessage").len() == 2).then_some(())).await;
        assert_eq!(server.counts(&queue_url).await, Counts { visible: 0, in_flight: 4 });
        sender.send_replace(true);
        Instant::now()
    };
    let mut poller = poller(&proxy.url(&queue_url)).await;
    let (run, requested) = tokio::join!(ground.pump_with(&mut poller, Patience::Endless, shutdown), stop);
    assert!(requested.elapsed() < Duration::from_secs(3), "{:?}", requested.elapsed());
    run.result.unwrap();
    assert_eq!(run.tally, Tally::default());
    assert_eq!(server.counts(&queue_url).await, Counts { visible: 4, in_flight: 0 });

    // The long poll of a quiet queue.
    let quiet = server.create_queue("a_shutdown_hands_back_what_was_gathered_quiet").await;
    let proxy = Proxy::start(server.clone(), |_, _| Fault::Pass).await;
    let (sender, shutdown) = Shutdown::channel();
    let stop = async {
        until("it polls", async || (proxy.calls("ReceiveMessage").len() == 1).then_some(())).await;
        sender.send_replace(true);
        Instant::now()
    };
    let mut poller = SqsFeed { poll_s: 20, ..super::poller(&proxy.url(&quiet)).await };
    let (run, requested) = tokio::join!(ground.pump_with(&mut poller, Patience::Endless, shutdown), stop);
    run.result.unwrap();
    assert!(requested.elapsed() < Duration::from_secs(2), "{:?}", requested.elapsed());
}
