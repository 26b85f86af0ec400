//! Subscriptions: which are confirmed, and what is fetched for it.

use jiff::SignedDuration;

use super::{
    letter::{CERTIFICATE_PATH, HOST, Letter, OTHER_TOPIC, TOKEN, TOPIC, confirmation_path},
    world::{World, options},
};

fn certificate() -> String {
    format!("{HOST}{CERTIFICATE_PATH}")
}

#[tokio::test]
async fn an_allowed_topic_is_confirmed_once() {
    let world = World::new(&options()).await;
    world.origin.put(&confirmation_path(), "<ConfirmSubscriptionResponse/>");
    for version in ["1", "2"] {
        let letter = Letter::confirmation().signed(&world.signer, version);
        assert_eq!(world.post(&letter).await.status, 200, "{:?}", world.counts);
    }
    assert_eq!(world.origin.asked(), [certificate(), format!("{HOST}{}", confirmation_path())]);
    assert_eq!(world.counts.confirmed(), 2);
    assert_eq!(world.stored(), Vec::<String>::new());
}

#[tokio::test]
async fn an_address_that_sns_escapes_is_the_same() {
    let world = World::new(&options()).await;
    world.origin.put(&confirmation_path(), "");
    let url = format!("https://{HOST}{}", confirmation_path()).replace(TOPIC, &TOPIC.replace(':', "%3A"));
    let letter = Letter::confirmation().with("SubscribeURL", &url).signed(&world.signer, "2");
    assert_eq!(world.post(&letter).await.status, 200);
    assert_eq!(world.origin.asked(), [certificate(), format!("{HOST}{}", confirmation_path())]);
}

#[tokio::test]
async fn nothing_else_is_ever_fetched() {
    let world = World::new(&options()).await;
    let genuine = format!("https://{HOST}{}", confirmation_path());
    for url in [
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/".to_owned(),
        "http://localhost:9200/".to_owned(),
        "https://evil.com/".to_owned(),
        "file:///etc/passwd".to_owned(),
        format!("https://127.0.0.1:{}{}", world.origin.address.port(), confirmation_path()),
        genuine.replace("https:", "http:"),
        genuine.replace(HOST, &format!("{HOST}.evil.com")),
        genuine.replace(HOST, &format!("{HOST}@evil.com")),
        genuine.replace(HOST, "sns.us-east-1.amazonaws.com"),
        genuine.replace(TOPIC, OTHER_TOPIC),
        genuine.replace(TOKEN, "2336412f37fb"),
        genuine.replace("ConfirmSubscription", "Publish"),
        genuine.replace("ConfirmSubscription", "DeleteTopic"),
        format!("{genuine}&Action=DeleteTopic"),
        format!("{genuine}#"),
        String::new(),
    ] {
        // Rightly signed: whoever may have SNS sign such a thing gets nothing fetched.
        let letter = Letter::confirmation().with("SubscribeURL", &url).signed(&world.signer, "2");
        world.refuses(&url, &letter, 403, "subscribe_url").await;
    }
    for (name, value) in
        [("Token", ""), ("Token", "a&Action=Publish"), ("Token", "a b"), ("SubscribeURL", "a\nb")]
    {
        let letter = Letter::confirmation().with(name, value).signed(&world.signer, "2");
        world.refuses(value, &letter, 400, "malformed").await;
    }
    for name in ["Token", "SubscribeURL"] {
        let letter = Letter::confirmation().signed(&world.signer, "2").without(name);
        world.refuses(name, &letter, 400, "malformed").await;
    }
    assert_eq!(world.origin.asked(), [certificate()]);
}

#[tokio::test]
async fn a_confirmation_is_checked_like_any_message() {
    let world = World::new(&options()).await;
    world.origin.put(&confirmation_path(), "");
    let genuine = Letter::confirmation().signed(&world.signer, "2");
    let foreign = "arn:aws:sns:eu-central-1:210987654321:ses-events";
    let other = Letter::confirmation()
        .with("TopicArn", foreign)
        .with("SubscribeURL", &format!("https://{HOST}{}", confirmation_path().replace(TOPIC, foreign)));
    world.refuses("another topic", &other.signed(&world.signer, "2"), 403, "topic").await;
    world.refuses("forged", &genuine.clone().with("Message", ""), 403, "signature").await;
    let old = Letter::confirmation().sent(SignedDuration::from_hours(-3)).signed(&world.signer, "2");
    world.refuses("old", &old, 403, "too_old").await;
    let early = Letter::confirmation().sent(SignedDuration::from_hours(1)).signed(&world.signer, "2");
    world.refuses("early", &early, 503, "from_the_future").await;
    assert_eq!(world.origin.asked(), [certificate()]);
}

#[tokio::test]
async fn sns_shall_ask_again_when_it_could_not_be_told() {
    let world = World::new(&options()).await;
    let letter = Letter::confirmation().signed(&world.signer, "2");
    for status in
        ["400 Bad Request", "403 Forbidden", "404 Not Found", "500 Internal Server Error", "503 Slow Down"]
    {
        world.origin.put_status(&confirmation_path(), status, "");
        world.refuses(status, &letter, 503, "not_confirmed").await;
    }
    world.origin.put_status(
        &confirmation_path(),
        "302 Found",
        &format!("Location: https://{HOST}/elsewhere\r\n"),
    );
    world.refuses("redirect", &letter, 503, "not_confirmed").await;
    assert!(world.origin.asked().iter().all(|asked| !asked.contains("elsewhere")));
    world.origin.put(&confirmation_path(), "");
    assert_eq!(world.post(&letter).await.status, 200);
    assert_eq!(world.counts.confirmed(), 1);
}

#[tokio::test]
async fn the_end_of_a_subscription_is_taken_note_of_and_not_undone() {
    let world = World::new(&options()).await;
    for url in [format!("https://{HOST}{}", confirmation_path()), "https://evil.com/".to_owned()] {
        let letter = Letter::unsubscribed().with("SubscribeURL", &url).signed(&world.signer, "1");
        assert_eq!(world.post(&letter).await.status, 200);
    }
    assert_eq!(world.counts.unsubscribed(), 2);
    assert_eq!(world.origin.asked(), [certificate()]);
    assert_eq!(world.stored(), Vec::<String>::new());
    world
        .refuses(
            "forged",
            &Letter::unsubscribed().signed(&world.signer, "1").with("Message", ""),
            403,
            "signature",
        )
        .await;
}
