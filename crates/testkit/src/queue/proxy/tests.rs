use super::*;
use crate::queue::Counts;

/// The same for every call.
struct Always(Fate, Reply);

impl Faults for Always {
    fn before(&self, _: &mut Call) -> Fate {
        self.0.clone()
    }

    fn after(&self, _: &Call, _: &mut Value) -> Reply {
        self.1
    }
}

/// What a client gets for a receive that meets this fate, and what the queue, which has one message, holds then.
async fn receive(faults: impl Faults) -> (io::Result<Result<Value, http::Refusal>>, Counts) {
    let server = QueueServer::start().await;
    let queue_url = server.create_queue("events").await;
    server.send_all(&queue_url, &["body"]).await;
    let proxy = QueueProxy::start(&server, faults).await;
    let request = json!({"QueueUrl": proxy.url(&queue_url), "MaxNumberOfMessages": 10});
    let answer = http::try_call(&proxy.address, "ReceiveMessage", &request).await;
    (answer, server.counts(&queue_url).await)
}

const WAITING: Counts = Counts { visible: 1, in_flight: 0 };
const RECEIVED: Counts = Counts { visible: 0, in_flight: 1 };

#[tokio::test]
async fn a_call_that_passes_gets_its_answer() {
    for fate in [Fate::Pass, Fate::Late(Duration::from_millis(20))] {
        let (answer, counts) = receive(Always(fate, Reply::Give)).await;
        assert_eq!(answer.unwrap().unwrap()["Messages"][0]["Body"], "body");
        assert_eq!(counts, RECEIVED);
    }
}

#[tokio::test]
async fn a_refusal_and_a_dropped_call_do_not_reach_the_queue() {
    let (answer, counts) = receive(Always(Fate::Refuse(400, "RequestThrottled"), Reply::Give)).await;
    let refusal = answer.unwrap().unwrap_err();
    assert_eq!((refusal.status, counts), (400, WAITING));
    assert!(refusal.body.contains("RequestThrottled"));

    let (answer, counts) = receive(Always(Fate::Drop, Reply::Give)).await;
    answer.unwrap_err();
    assert_eq!(counts, WAITING);
}

#[tokio::test]
async fn a_dropped_answer_is_of_a_call_that_was_done() {
    let (answer, counts) = receive(Always(Fate::Pass, Reply::Drop)).await;
    answer.unwrap_err();
    assert_eq!(counts, RECEIVED);
}

/// Asks for other messages than the client did, and gives other ones back.
struct Changes;

impl Faults for Changes {
    fn before(&self, call: &mut Call) -> Fate {
        call.request["VisibilityTimeout"] = 0.into();
        Fate::Pass
    }

    fn after(&self, _: &Call, answer: &mut Value) -> Reply {
        answer["Messages"][0]["Body"] = "another".into();
        Reply::Give
    }
}

#[tokio::test]
async fn calls_and_answers_can_be_changed() {
    let (answer, _) = receive(Changes).await;
    assert_eq!(answer.unwrap().unwrap()["Messages"][0]["Body"], "another");
}

#[tokio::test]
async fn entries_of_a_batch_can_fail() {
    let server = QueueServer::start().await;
    let queue_url = server.create_queue("events").await;
    let proxy =
        QueueProxy::start(&server, Always(Fate::FailEntries(vec!["b".to_owned()]), Reply::Give)).await;
    let entries = json!([{"Id": "a", "MessageBody": "a"}, {"Id": "b", "MessageBody": "b"}]);
    let request = json!({"QueueUrl": proxy.url(&queue_url), "Entries": entries});
    let answer = http::try_call(&proxy.address, "SendMessageBatch", &request).await.unwrap().unwrap();
    assert_eq!((&answer["Successful"][0]["Id"], &answer["Failed"][0]["Id"]), (&json!("a"), &json!("b")));
    assert_eq!(server.counts(&queue_url).await, WAITING);
}
