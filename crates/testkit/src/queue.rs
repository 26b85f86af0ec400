//! A queue server that speaks the SQS protocol, one per test.

mod http;
mod install;
pub mod proxy;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

pub use http::Refusal;
pub use install::install;
pub(crate) use install::installed_node;
pub use proxy::QueueProxy;

/// How long the server may take until it says which port it listens on. It needs half a second; a machine
/// busy with compiling needs more.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// Most messages of one `SendMessageBatch`:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
const BATCH_MESSAGES_MAX: usize = 10;

/// Most bytes of all bodies in one `SendMessageBatch`.
const BATCH_BODY_BYTES_MAX: usize = 1024 * 1024;

/// A queue server of this test's own, on a free port of the loopback interface; it stops when this is
/// dropped.
///
/// Region `us-east-1`, account `000000000000`, any credentials. It is a child process whose standard input is
/// a pipe from here, so that it
/// ends too when the test is killed.
#[derive(Debug)]
pub struct QueueServer {
    process: Child,
    address: String,
    endpoint_url: String,
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Messages that the next receive call may get.
    pub visible: u64,
    /// Messages that were received and neither deleted nor visible again.
    pub in_flight: u64,
}

/// One received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The body as sent.
    pub body: String,
    /// What deletes it or changes its visibility.
    pub receipt_handle: String,
    /// How often it was received, this time included.
    pub receive_count: u64,
}

impl QueueServer {
    /// Starts a server, after installing it if this checkout has none yet (see [`install`]).
    ///
    /// # Panics
    /// If it can't be installed or doesn't start; the message says what to do.
    pub async fn start() -> Self {
        tokio::task::spawn_blocking(Self::start_blocking).await.expect("starting the queue server")
    }

    fn start_blocking() -> Self {
        let (folder, node) = (install(), installed_node());
        let mut process = Command::new(&node)
            .arg("--disable-warning=ExperimentalWarning")
            .arg("serve.js")
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("can't run {}: {error}", node.display()));
        let output = process.stdout.take().expect("standard output is a pipe");
        let mut server = Self { process, address: String::new(), endpoint_url: String::new() };
        let port = server.read_port(output);
        server.address = format!("127.0.0.1:{port}");
        server.endpoint_url = format!("http://127.0.0.1:{port}");
        server
    }

    /// Reads the port that `serve.js` prints. The reading thread ends with the pipe, which `Drop` closes by
    /// ending the process.
    fn read_port(&self, output: std::process::ChildStdout) -> u16 {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(output).read_line(&mut line);
            // Nobody listens any more when the deadline has passed.
            let _ = sender.send(read.map(|_| line));
        });
        let line = receiver
            .recv_timeout(START_TIMEOUT)
            .unwrap_or_else(|_| {
                panic!(
                    "the queue server (process {}) named no port within {START_TIMEOUT:?}",
                    self.process.id()
                )
            })
            .expect("reading the queue server's output");
        line.trim().parse().unwrap_or_else(|_| {
            panic!("the queue server named no port but {line:?}; its own words are above")
        })
    }

    /// The endpoint to give an SQS client, such as `http://127.0.0.1:41973`.
    pub fn endpoint_url(&self) -> &str {
        &self.endpoint_url
    }

    /// Creates a queue with the default visibility timeout of 30 seconds and returns its URL.
    ///
    /// # Panics
    /// If the server refuses, as for all that follow.
    pub async fn create_queue(&self, name: &str) -> String {
        self.create_queue_with(name, &json!({})).await
    }

    /// Creates a queue with attributes in SQS's own terms, all of them strings, such as
    /// `{"VisibilityTimeout": "1"}`, and returns its URL:
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn create_queue_with(&self, name: &str, attributes: &Value) -> String {
        let answer =
            self.expect_call("CreateQueue", &json!({"QueueName": name, "Attributes": attributes})).await;
        text(&answer, "QueueUrl")
    }

    /// Sends every body as a message of its own, in as few calls as SQS allows.
    ///
    /// # Panics
    /// If the server refuses any of them, or a body is not UTF-8 (SQS takes text only).
    pub async fn send_all<B: AsRef<[u8]>>(&self, queue_url: &str, bodies: &[B]) {
        let bodies: Vec<&str> = bodies
            .iter()
            .map(|body| std::str::from_utf8(body.as_ref()).expect("SQS takes UTF-8 bodies only"))
            .collect();
        for batch in batches(&bodies) {
            let entries: Vec<Value> = batch
                .iter()
                .enumerate()
                .map(|(index, body)| json!({"Id": index.to_string(), "MessageBody": body}))
                .collect();
            let answer = self
                .expect_call("SendMessageBatch", &json!({"QueueUrl": queue_url, "Entries": entries}))
                .await;
            let failed = answer["Failed"].as_array().map_or(0, Vec::len);
            assert_eq!(failed, 0, "SQS refused messages of a batch: {}", answer["Failed"]);
        }
    }

    /// Receives up to ten messages without waiting and leaves them in flight for `visibility_timeout_s`
    /// seconds.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn receive(&self, queue_url: &str, visibility_timeout_s: u32) -> Vec<Message> {
        let request = json!({
            "QueueUrl": queue_url,
            "MaxNumberOfMessages": 10,
            "VisibilityTimeout": visibility_timeout_s,
            "MessageSystemAttributeNames": ["ApproximateReceiveCount"],
        });
        let answer = self.expect_call("ReceiveMessage", &request).await;
        let messages = answer["Messages"].as_array().map_or(&[][..], Vec::as_slice);
        messages
            .iter()
            .map(|message| Message {
                body: text(message, "Body"),
                receipt_handle: text(message, "ReceiptHandle"),
                receive_count: number(&message["Attributes"], "ApproximateReceiveCount"),
            })
            .collect()
    }

    /// How many messages the queue holds now.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn counts(&self, queue_url: &str) -> Counts {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let answer = self
            .expect_call("GetQueueAttributes", &json!({"QueueUrl": queue_url, "AttributeNames": names}))
            .await;
        Counts {
            visible: number(&answer["Attributes"], names[0]),
            in_flight: number(&answer["Attributes"], names[1]),
        }
    }

    /// Makes any call of the SQS API, named as AWS does (`ChangeMessageVisibility`), with its request and
    /// answer as JSON.
    ///
    /// # Errors
    /// [`Refusal`] if the server answers with an error.
    ///
    /// # Panics
    /// If the server can't be reached.
    pub async fn call(&self, action: &str, request: &Value) -> Result<Value, Refusal> {
        http::call(&self.address, action, request).await
    }

    async fn expect_call(&self, action: &str, request: &Value) -> Value {
        self.call(action, request).await.unwrap_or_else(|refusal| panic!("{action}: {refusal}"))
    }
}

impl Drop for QueueServer {
    fn drop(&mut self) {
        // It fails only if the process has ended already, which `wait` then collects.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Cuts bodies into batches that `SendMessageBatch` takes. A body that is too long by itself gets a batch,
/// and the server's refusal.
fn batches<'a>(bodies: &'a [&'a str]) -> Vec<&'a [&'a str]> {
    let mut batches = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    for (index, body) in bodies.iter().enumerate() {
        let full = index - start == BATCH_MESSAGES_MAX || bytes + body.len() > BATCH_BODY_BYTES_MAX;
        if full && index > start {
            batches.push(&bodies[start..index]);
            start = index;
            bytes = 0;
        }
        bytes += body.len();
    }
    if start < bodies.len() {
        batches.push(&bodies[start..]);
    }
    batches
}

fn text(value: &Value, key: &str) -> String {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("the queue server's answer has no {key}: {value}"))
        .to_owned()
}

fn number(value: &Value, key: &str) -> u64 {
    let text = text(value, key);
    text.parse().unwrap_or_else(|_| panic!("the queue server's {key} is no number: {text}"))
}

#[cfg(test)]
mod tests;
