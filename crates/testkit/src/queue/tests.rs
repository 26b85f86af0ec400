use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_queue_takes_messages_and_hands_them_out() {
    let server = QueueServer::start().await;
    let queue_url = server.create_queue("events").await;
    assert_eq!(queue_url, format!("{}/000000000000/events", server.endpoint_url()));

    let bodies: Vec<String> = (0..25).map(|number| format!("body {number} ünïcode")).collect();
    server.send_all(&queue_url, &bodies).await;
    assert_eq!(server.counts(&queue_url).await, Counts { visible: 25, in_flight: 0 });

    let messages = server.receive(&queue_url, 60).await;
    assert_eq!(messages.len(), 10);
    assert!(bodies.contains(&messages[0].body));
    assert_eq!(messages[0].receive_count, 1);
    assert_eq!(server.counts(&queue_url).await, Counts { visible: 15, in_flight: 10 });

    let request = json!({"QueueUrl": queue_url, "ReceiptHandle": messages[0].receipt_handle});
    server.call("DeleteMessage", &request).await.unwrap();
    assert_eq!(server.counts(&queue_url).await, Counts { visible: 15, in_flight: 9 });
}

#[tokio::test]
async fn a_message_that_was_not_deleted_becomes_visible_again() {
    let server = QueueServer::start().await;
    let queue_url = server.create_queue_with("events", &json!({"VisibilityTimeout": "1"})).await;
    server.send_all(&queue_url, &["body"]).await;
    assert_eq!(server.receive(&queue_url, 1).await.len(), 1);
    assert_eq!(server.counts(&queue_url).await, Counts { visible: 0, in_flight: 1 });

    let deadline = Instant::now() + Duration::from_secs(10);
    while server.counts(&queue_url).await.visible == 0 {
        assert!(Instant::now() < deadline, "still in flight");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.receive(&queue_url, 1).await[0].receive_count, 2);
}

#[tokio::test]
async fn a_refusal_says_why() {
    let server = QueueServer::start().await;
    let request = json!({"QueueUrl": format!("{}/000000000000/missing", server.endpoint_url())});
    let refusal = server.call("GetQueueAttributes", &request).await.unwrap_err();
    assert_eq!(refusal.status, 400);
    assert!(refusal.body.contains("QueueDoesNotExist"), "{refusal}");
}

#[tokio::test]
async fn the_server_ends_with_its_owner() {
    let server = QueueServer::start().await;
    let address = server.address.clone();
    drop(server);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[test]
fn batches_keep_within_both_limits() {
    let long = "x".repeat(BATCH_BODY_BYTES_MAX / 2 + 1);
    let sizes = |bodies: &[&str]| batches(bodies).iter().map(|batch| batch.len()).collect::<Vec<_>>();
    assert_eq!(sizes(&[]), [0; 0]);
    assert_eq!(sizes(&["a"; 10]), [10]);
    assert_eq!(sizes(&["a"; 21]), [10, 10, 1]);
    assert_eq!(sizes(&["a", &long, &long, "b"]), [2, 2]);
    assert_eq!(sizes(&["a", &"x".repeat(BATCH_BODY_BYTES_MAX + 1), "b"]), [1, 1, 1]);
}
