//! `serve --hooks-listen`.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Setup, run};

pub(crate) const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:ses-events";
/// Never asked: wrong words are told before.
const NOWHERE: &str = "postgres://127.0.0.1:1/none";
pub(crate) const SECRET: &str = "8d6b1ba19ac1fd5eb4e2b1b4a3d2";
/// `aftersend:` and the secret, in base64.
pub(crate) const CREDENTIALS: &str = "YWZ0ZXJzZW5kOjhkNmIxYmExOWFjMWZkNWViNGUyYjFiNGEzZDI=";

const EVENT: &str = r#"{"eventType":"Send","mail":{"timestamp":"2026-09-01T10:00:00.000Z","messageId":"posted","source":"shop@example.com","destination":["a@example.com"]},"send":{}}"#;

#[tokio::test]
async fn what_is_posted_is_stored_and_nothing_else_is_served() {
    let setup = Setup::migrated().await;
    let mut server = Server(
        setup
            .program()
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--hooks-listen",
                "127.0.0.1:0",
                "--hooks-topic",
                TOPIC,
                "--json",
            ])
            .env("AFTERSEND_HOOKS_SECRET", SECRET)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    let host = |name: &str| {
        said[name].as_str().unwrap().strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned()
    };
    let (site, hooks) = (host("listening"), host("hooks"));

    let raw = format!("x-amz-sns-rawdelivery: true\r\nx-amz-sns-topic-arn: {TOPIC}\r\n");
    let right = format!("Authorization: Basic {CREDENTIALS}\r\n");
    assert_eq!(request(&hooks, "POST /hooks/sns", &raw, EVENT), 401);
    assert_eq!(request(&hooks, "POST /hooks/sns", &right, EVENT), 400, "it says that it is no raw delivery");
    assert_eq!(setup.content().await, Vec::<String>::new());
    assert_eq!(request(&hooks, "POST /hooks/sns", &format!("{raw}{right}"), EVENT), 200);
    assert!(setup.content().await.iter().any(|row| row.contains("posted")));
    // The site is on loopback alone, and no part of it is here.
    assert_eq!(request(&hooks, "GET /mails", "", ""), 404);
    assert_eq!(request(&hooks, "GET /hooks/sns", "", ""), 405);
    // The site changes nothing for whoever is not one of its pages, and has no such path for those either.
    assert_eq!(request(&site, "POST /hooks/sns", &format!("{raw}{right}"), EVENT), 403);
    let of_a_page = format!("{raw}{right}Origin: http://{site}\r\n");
    assert_eq!(request(&site, "POST /hooks/sns", &of_a_page, EVENT), 404);

    kill_process(Pid::from_child(&server.0), Signal::TERM).unwrap();
    assert!(server.0.wait().unwrap().success());
    let mut log = String::new();
    server.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(!log.contains(SECRET) && !log.contains("example.com"), "{log}");
}

#[test]
fn a_secret_that_is_none_is_told_without_being_shown() {
    let said = run(&[
        "serve",
        "--database-url",
        NOWHERE,
        "--hooks-listen",
        "127.0.0.1:0",
        "--hooks-secret",
        "hunter2",
    ])
    .fails(2);
    assert!(said.contains("--hooks-secret") && said.contains("20 to 128"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let said = run(&[
        "serve",
        "--database-url",
        NOWHERE,
        "--hooks-listen",
        "127.0.0.1:0",
        "--hooks-topic",
        "ses-events",
    ])
    .fails(2);
    assert!(said.contains("is no SNS topic"), "{said}");
}

/// The status of an answer.
fn request(address: &str, line: &str, headers: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(stream, "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer[9..12].parse().unwrap()
}

/// Ended with the test, however that ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended by itself where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
