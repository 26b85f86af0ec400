//! The secret in the subscription's address, and raw delivery, which needs it.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    client::{self, Reply},
    letter::{Letter, OTHER_TOPIC, TOPIC, confirmation_path},
    world::{World, options},
};
use crate::{fixture::delivery, sns::HooksOptions};

const SECRET: &str = "8d6b1ba19ac1fd5eb4e2b1b4a3d2";

fn with_secret() -> HooksOptions {
    HooksOptions { secret: Some(SECRET.parse().unwrap()), ..options() }
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

async fn post_raw(world: &World, topic: &str, authorization: Option<&str>, body: &str) -> Reply {
    let mut headers = vec![
        ("x-amz-sns-rawdelivery", "true"),
        ("x-amz-sns-message-type", "Notification"),
        ("x-amz-sns-message-id", "02f86d9b-eecf-573d-b47d-3d1850750c30"),
        ("x-amz-sns-topic-arn", topic),
    ];
    headers.extend(authorization.map(|value| ("Authorization", value)));
    client::post(world.address, &headers, body.as_bytes()).await
}

#[tokio::test]
async fn raw_delivery_is_refused_where_no_secret_is_set() {
    let world = World::new(&options()).await;
    assert_eq!(post_raw(&world, TOPIC, None, &delivery("m-1")).await.status, 403);
    assert_eq!(post_raw(&world, TOPIC, Some(&basic("user:")), &delivery("m-1")).await.status, 403);
    assert_eq!(world.refused("raw_without_secret"), 2);
    // Also what is signed: raw is what the request says it is.
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    assert_eq!(
        client::post(world.address, &[("X-Amz-Sns-Rawdelivery", "TRUE")], &letter.json()).await.status,
        403
    );
    // Said among others, too.
    let twice = [("x-amz-sns-rawdelivery", "false"), ("x-amz-sns-rawdelivery", "true")];
    assert_eq!(client::post(world.address, &twice, &letter.json()).await.status, 403);
    assert_eq!(world.stored(), Vec::<String>::new());
}

#[tokio::test]
async fn raw_delivery_is_taken_for_the_secret_and_an_allowed_topic() {
    let world = World::new(&with_secret()).await;
    let right = basic(&format!("aftersend:{SECRET}"));
    for (number, authorization) in
        [right.clone(), basic(&format!(":{SECRET}")), right.replace("Basic", "basic")].into_iter().enumerate()
    {
        let body = delivery(&format!("m-{number}"));
        assert_eq!(post_raw(&world, TOPIC, Some(&authorization), &body).await.status, 200, "{authorization}");
        assert_eq!(world.stored().last(), Some(&body));
    }
    assert_eq!(post_raw(&world, OTHER_TOPIC, Some(&right), &delivery("m-9")).await.status, 200);
    for topic in ["arn:aws:sns:eu-central-1:210987654321:ses-events", "", "*"] {
        assert_eq!(post_raw(&world, topic, Some(&right), &delivery("m-9")).await.status, 403, "{topic}");
    }
    let without_topic = [("x-amz-sns-rawdelivery", "true"), ("Authorization", right.as_str())];
    assert_eq!(client::post(world.address, &without_topic, delivery("m-9").as_bytes()).await.status, 403);
    assert_eq!(world.refused("topic"), 4);
    assert_eq!(world.origin.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn the_secret_is_asked_of_every_request_where_it_is_set() {
    let world = World::new(&with_secret()).await;
    let letter = Letter::notification(&delivery("m-1")).signed(&world.signer, "2");
    // SNS asks without it first, and once more with it after this answer.
    let reply = world.post(&letter).await;
    assert_eq!(reply.status, 401);
    assert_eq!(reply.header("WWW-Authenticate"), Some("Basic realm=\"hooks\""));
    assert_eq!(world.refused("no_credentials"), 1);

    let wrong = [
        basic("aftersend:"),
        basic(&format!("aftersend:{SECRET}x")),
        basic(&format!("aftersend:{}", &SECRET[1..])),
        basic(&format!("aftersend:{}", SECRET.to_uppercase())),
        basic(&format!("{SECRET}:aftersend")),
        basic(SECRET),
        format!("Bearer {SECRET}"),
        basic(&format!("aftersend:{SECRET}")).replace("Basic", "Bearer"),
        format!("Basic {SECRET}"),
        "Basic".to_owned(),
        "Basic !!!".to_owned(),
    ];
    for authorization in &wrong {
        let reply = client::post(world.address, &[("Authorization", authorization)], &letter.json()).await;
        assert_eq!(reply.status, 401, "{authorization}");
        assert_eq!(post_raw(&world, TOPIC, Some(authorization), &delivery("m-1")).await.status, 401);
    }
    assert_eq!(world.refused("wrong_credentials"), 2 * wrong.len() as u64);
    assert_eq!((world.stored(), world.origin.asked()), (Vec::new(), Vec::new()));

    // And it does not stand for a signature.
    let right = basic(&format!("aftersend:{SECRET}"));
    let headers = [("Authorization", right.as_str())];
    assert_eq!(client::post(world.address, &headers, &letter.json()).await.status, 200);
    let forged = letter.with("Message", &delivery("m-2"));
    assert_eq!(client::post(world.address, &headers, &forged.json()).await.status, 403);
    assert_eq!(world.refused("signature"), 1);
}

/// A subscription with raw delivery is confirmed as any other.
#[tokio::test]
async fn confirmations_are_never_raw() {
    let world = World::new(&with_secret()).await;
    world.origin.put(&confirmation_path(), "");
    let right = basic(&format!("aftersend:{SECRET}"));
    let headers = [
        ("x-amz-sns-rawdelivery", "true"),
        ("x-amz-sns-message-type", "SubscriptionConfirmation"),
        ("Authorization", right.as_str()),
    ];
    let letter = Letter::confirmation().signed(&world.signer, "2");
    assert_eq!(client::post(world.address, &headers, &letter.json()).await.status, 200);
    assert_eq!(world.counts.confirmed(), 1);
    let ended = Letter::unsubscribed().signed(&world.signer, "2");
    let headers_of_end = [headers[0], ("x-amz-sns-message-type", "UnsubscribeConfirmation"), headers[2]];
    assert_eq!(client::post(world.address, &headers_of_end, &ended.json()).await.status, 200);
    assert_eq!(world.counts.unsubscribed(), 1);
    // Saying so saves nobody the signature.
    let event = delivery("m-1");
    assert_eq!(client::post(world.address, &headers, event.as_bytes()).await.status, 400);
    let forged = letter.with("Message", "");
    assert_eq!(client::post(world.address, &headers, &forged.json()).await.status, 403);
    assert_eq!(world.stored(), Vec::<String>::new());
}
