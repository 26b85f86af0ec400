//! What can be found out about a queue.

use serde_json::json;

use super::*;

async fn inspector(queue_url: &str) -> QueueInspector {
    let options = QueueOptions { queue_url: queue_url.to_owned(), ..QueueOptions::default() };
    QueueInspector::open(&options).await.unwrap()
}

#[tokio::test]
async fn a_queue_tells_its_settings_its_depth_and_what_its_dead_letter_queue_holds() {
    let server = server().await;
    let dead = server.create_queue("inspected-dead").await;
    server.send_all(&dead, &["one"]).await;
    let policy = json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:inspected-dead", "maxReceiveCount": 3});
    let attributes = json!({"VisibilityTimeout": "7", "MessageRetentionPeriod": "3600", "RedrivePolicy": policy.to_string()});
    let url = server.create_queue_with("inspected", &attributes).await;
    server.send_all(&url, &["a", "b", "c"]).await;
    assert_eq!(server.receive(&url, 30).await.len(), 3);
    server.send_all(&url, &["d"]).await;

    let inspector = inspector(&url).await;
    let found = inspector.inspect(false).await.unwrap();
    let (settings, depth) = found.settings.unwrap();
    assert_eq!(depth, QueueDepth { waiting: 1, in_flight: 3, delayed: 0 });
    assert_eq!(inspector.depth().await.unwrap(), depth);
    assert_eq!((settings.visibility_timeout_s, settings.retention_s), (Some(7), Some(3_600)));
    assert!(!settings.is_fifo);
    let redrive = settings.redrive.unwrap();
    assert_eq!(redrive.receives_max, Some(3));
    assert_eq!(redrive.dead_letters.url, dead);
    let (held, retention_s) = redrive.dead_letters.holds.unwrap();
    assert_eq!((held.waiting, retention_s), (1, Some(345_600)));
    assert_eq!((found.may_delete, found.may_change_visibility), (Permission::Granted, Permission::Granted));
    assert!(matches!(found.may_receive, Permission::Unproven(_)), "{:?}", found.may_receive);

    // No message was received: the next receive is the first of `d`, and with it, it is proven.
    let receives =
        |messages: Vec<aftersend_testkit::queue::Message>| messages.iter().map(|m| m.receive_count).max();
    assert_eq!(receives(server.receive(&url, 0).await), Some(1));
    assert_eq!(inspector.inspect(true).await.unwrap().may_receive, Permission::Granted);
    assert_eq!(receives(server.receive(&url, 0).await), Some(3), "that one counted");
    let Counts { visible, in_flight } = server.counts(&url).await;
    assert_eq!(visible + in_flight, 4, "none was deleted");
}

#[tokio::test]
async fn a_queue_without_a_dead_letter_queue_says_so_and_one_that_is_gone_is_named() {
    let server = server().await;
    let url = server.create_queue("inspected-alone").await;
    let (settings, depth) = inspector(&url).await.inspect(false).await.unwrap().settings.unwrap();
    assert_eq!((settings.redrive, depth), (None, QueueDepth::default()));

    let policy =
        json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:gone", "maxReceiveCount": "5"});
    let attributes = json!({"QueueUrl": url, "Attributes": {"RedrivePolicy": policy.to_string()}});
    // A server may refuse a target that is not there; one that was removed later is the same to us.
    let gone = server.create_queue("gone").await;
    server.call("SetQueueAttributes", &attributes).await.unwrap();
    server.call("DeleteQueue", &json!({"QueueUrl": gone})).await.unwrap();
    let (settings, _) = inspector(&url).await.inspect(false).await.unwrap().settings.unwrap();
    let redrive = settings.redrive.unwrap();
    assert_eq!(redrive.receives_max, Some(5));
    let refusal = redrive.dead_letters.holds.unwrap_err();
    assert!(refusal.sentence.contains("there is no such queue") && !refusal.is_denied, "{refusal}");

    let missing = inspector(&url.replace("alone", "missing")).await;
    let refusal = missing.inspect(false).await.unwrap_err();
    assert!(refusal.sentence.contains("there is no such queue"), "{refusal}");
    assert_eq!(missing.depth().await.unwrap_err(), refusal);
}

/// AWS refuses what a policy forbids before it looks at anything else.
#[tokio::test]
async fn each_permission_that_is_missing_is_named() {
    let server = server().await;
    let url = server.create_queue("inspected-strict").await;
    server.send_all(&url, &["kept"]).await;
    for forbidden in
        ["ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch", "GetQueueAttributes"]
    {
        let proxy = Proxy::start(server.clone(), move |action, _| match action {
            _ if action == forbidden => Fault::Refuse(403, "AccessDeniedException"),
            _ => Fault::Pass,
        })
        .await;
        let proxied = proxy.url(&url);
        let found = inspector(&proxied).await.inspect(false).await.unwrap();
        let denied = |permission: &Permission| match permission {
            Permission::Denied(sentence) => Some(sentence.clone()),
            Permission::Granted | Permission::Unproven(_) => None,
        };
        let refusals = [
            (QueueAction::Receive, denied(&found.may_receive)),
            (QueueAction::Delete, denied(&found.may_delete)),
            (QueueAction::ChangeVisibility, denied(&found.may_change_visibility)),
            (QueueAction::GetAttributes, found.settings.as_ref().err().map(ToString::to_string)),
        ];
        for (action, refusal) in refusals {
            let is_forbidden = action.name()["sqs:".len()..] == *forbidden.trim_end_matches("Batch");
            assert_eq!(refusal.is_some(), is_forbidden, "{forbidden}, {action:?}");
            let names = |refusal: String| refusal.contains(&format!("grant them {} on it", action.name()));
            assert!(refusal.is_none_or(names), "{forbidden}");
        }
        if forbidden == "GetQueueAttributes" {
            assert!(inspector(&proxied).await.depth().await.unwrap_err().is_denied);
        }
    }
    // Nothing that was asked has changed anything.
    assert_eq!(server.receive(&url, 0).await[0].receive_count, 1);
}

/// Entries with a receipt that is none fail one by one, in an answer that is a success: that is what AWS says to those
/// who may.
#[tokio::test]
async fn a_receipt_that_is_refused_proves_the_permission() {
    let server = server().await;
    let url = server.create_queue("inspected-receipts").await;
    let proxy = Proxy::start(server.clone(), |action, _| match action {
        "DeleteMessageBatch" | "ChangeMessageVisibilityBatch" => Fault::ExpireEntries(&["0"]),
        _ => Fault::Pass,
    })
    .await;
    let found = inspector(&proxy.url(&url)).await.inspect(false).await.unwrap();
    assert_eq!((found.may_delete, found.may_change_visibility), (Permission::Granted, Permission::Granted));
}
