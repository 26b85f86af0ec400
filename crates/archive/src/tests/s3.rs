//! A bucket of a server that speaks S3's protocol. Its address and credentials are the environment's, which belongs to a
//! process: so the test runs once more, in one of its own.

use std::process::Command;

use aftersend_testkit::QueueServer;

use super::ground::{Ground, assert_same};
use crate::{ArchiveError, ArchivePlace};

/// The bucket that the inner tests use.
const PLACE: &str = "s3://archive-of-mails/a/folder";

fn again(test: &str, environment: &[(&str, &str)]) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test, "--ignored", "--nocapture"]);
    for name in
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION"]
    {
        child.env_remove(name);
    }
    child
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/none")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/none");
    let done = child.envs(environment.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[tokio::test]
async fn mails_leave_for_a_bucket_and_come_back() {
    // It speaks S3, too.
    let server = QueueServer::start().await;
    let endpoint = server.endpoint_url().to_owned();
    tokio::task::spawn_blocking(move || {
        let environment = [
            ("AWS_ENDPOINT_URL_S3", endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        again("tests::s3::in_an_environment_with_a_bucket", &environment);
    })
    .await
    .unwrap();
}

/// Run by [`mails_leave_for_a_bucket_and_come_back`].
#[tokio::test]
#[ignore = "needs an environment with a bucket"]
async fn in_an_environment_with_a_bucket() {
    let missing = ArchivePlace::open("s3://no-such-bucket").await.unwrap();
    let error = missing.put("x", vec![1]).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Storage { .. }), "{error}");

    make_bucket().await;
    let mut ground = Ground::with_traffic(41).await;
    ground.place = ArchivePlace::open(PLACE).await.unwrap();
    let rows = ground.rows().await;
    let report = ground.archive(true).await;
    assert!(report.sums.objects > 1 && report.removed.removed > 0, "{report:?}");
    ground.assert_verified().await;
    assert!(ground.place.get("nobody.json").await.unwrap().is_none());
    ground.place.remove("nobody.json").await.unwrap();
    ground.restore().await;
    assert_same(&ground.rows().await, &rows, "from a bucket");
}

/// As any client of S3 asks for one.
async fn make_bucket() {
    let endpoint = std::env::var("AWS_ENDPOINT_URL_S3").unwrap();
    let address = endpoint.trim_start_matches("http://").to_owned();
    tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};

        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let authorization = "AWS4-HMAC-SHA256 Credential=test/20260901/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        write!(
            stream,
            "PUT /archive-of-mails HTTP/1.1\r\nHost: {address}\r\nAuthorization: {authorization}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    })
    .await
    .unwrap();
}

#[test]
fn without_credentials_it_says_so() {
    again("tests::s3::in_an_environment_without_credentials", &[("AWS_REGION", "us-east-1")]);
}

/// Run by [`without_credentials_it_says_so`].
#[tokio::test]
#[ignore = "needs an environment without credentials"]
async fn in_an_environment_without_credentials() {
    let error = ArchivePlace::open(PLACE).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Credentials { .. }), "{error}");
    let sentence = error.to_string();
    assert!(sentence.contains("AWS_PROFILE") && sentence.contains(PLACE), "{sentence}");
}

/// What some write into these variables, and what the storage would panic on.
#[test]
fn settings_that_are_none_are_told_before_anything_is_asked() {
    let (endpoint, region, key) = ("http://127.0.0.1:9", "eu-central-1", "test");
    for (endpoint, region, key, words) in [
        ("127.0.0.1:9", region, key, "AWS_ENDPOINT_URL_S3"),
        ("localhost:9", region, key, "it begins with http:// or https://"),
        ("http://127.0.0.1:(none)", region, key, "invalid port number"),
        ("http://127.0.0.1:9\n", region, key, "a line's end"),
        ("http://me:hidden@127.0.0.1:9", region, key, "credentials don't belong there"),
        (endpoint, "eu central", key, "AWS_REGION"),
        (endpoint, region, "test\n", "a line's end"),
    ] {
        let environment = [
            ("AWS_ENDPOINT_URL_S3", endpoint),
            ("AWS_REGION", region),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", "hidden"),
            ("EXPECTED_WORDS", words),
        ];
        again("tests::s3::in_an_environment_of_settings_that_are_none", &environment);
    }
}

/// Run by [`settings_that_are_none_are_told_before_anything_is_asked`].
#[tokio::test]
#[ignore = "needs an environment with wrong settings"]
async fn in_an_environment_of_settings_that_are_none() {
    let error = match ArchivePlace::open(PLACE).await {
        Ok(place) => place.list().await.unwrap_err(),
        Err(error) => error,
    };
    let (said, words) = (error.to_string(), std::env::var("EXPECTED_WORDS").unwrap());
    assert!(said.contains(&words) && !said.contains("hidden"), "{said}");
}

/// A server that answers everything alike; it ends with the test.
fn answering(answer: &'static str) -> String {
    use std::io::{BufRead, BufReader, Write};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head =
                BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            if head.count() > 0 {
                write!(stream, "{answer}").unwrap();
            }
        }
    });
    endpoint
}

fn told_with(endpoint: &str, words: &str) {
    let environment = [
        ("AWS_ENDPOINT_URL_S3", endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("EXPECTED_WORDS", words),
    ];
    again("tests::s3::in_an_environment_with_a_server_that_is_of_no_use", &environment);
}

#[test]
fn a_server_that_refuses_is_told_with_what_to_do() {
    let body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    let answer = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    told_with(&answering(answer.leak()), "403 Forbidden, AccessDenied: Access Denied|s3:ListBucket");
    // Nobody listens there any more.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    told_with(&endpoint, "no connection: |Connection refused|See whether this machine reaches it");
}

/// Run by [`a_server_that_refuses_is_told_with_what_to_do`].
#[tokio::test]
#[ignore = "needs an environment with a server"]
async fn in_an_environment_with_a_server_that_is_of_no_use() {
    let place = ArchivePlace::open(PLACE).await.unwrap();
    let said = place.list().await.unwrap_err().to_string();
    let endpoint = std::env::var("AWS_ENDPOINT_URL_S3").unwrap();
    let begins = format!("listing everything in the archive {PLACE} at {endpoint} failed: ");
    assert!(said.starts_with(&begins), "{said}");
    for words in std::env::var("EXPECTED_WORDS").unwrap().split('|') {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    assert!(!said.contains("max_retries"), "{said}");
}
