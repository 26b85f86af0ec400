//! A server between the feed and the queue server that goes wrong as told.

use std::sync::{Arc, Mutex};

use aftersend_testkit::QueueServer;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Pass,
    /// These entries of a batch are not passed on, and named as failed in an answer that is a success.
    FailEntries(&'static [&'static str]),
    /// Every entry fails so.
    FailAllEntries,
    /// The connection ends without an answer, and the queue never hears of the call.
    DropBefore,
    /// The queue does what it was asked to, and the connection ends without an answer.
    DropAfter,
    /// A refusal by the service.
    Refuse(u16, &'static str),
    /// The receipts of these entries of a batch are said to be invalid, in an answer that is a success.
    ExpireEntries(&'static [&'static str]),
    /// The messages of the answer come twice, and backwards the second time.
    Repeat,
    /// The first message of the answer comes without a receipt, the second with an empty one.
    NoReceipts,
    /// The queue never hears of the call, and the connection stays as it is.
    Hang,
}

/// A call as the client made it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) action: String,
    pub(super) request: Value,
}

impl Call {
    /// The receipts of a delete.
    pub(super) fn receipts(&self) -> Vec<&str> {
        let entries = self.request["Entries"].as_array().unwrap();
        entries.iter().map(|entry| entry["ReceiptHandle"].as_str().unwrap()).collect()
    }
}

/// A proxy. It ends when it is dropped.
pub(super) struct Proxy {
    address: String,
    calls: Arc<Mutex<Vec<Call>>>,
    _connections: JoinSet<()>,
}

impl Proxy {
    /// Asks for the fault of each call, by its action and how many of that action were before.
    pub(super) async fn start(
        server: Arc<QueueServer>,
        fault: impl Fn(&str, usize) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let log = calls.clone();
        let fault = Arc::new(fault);
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (server, log, fault) = (server.clone(), log.clone(), fault.clone());
                connections.spawn(async move {
                    let mut stream = stream;
                    let Some(call) = read_call(&mut stream).await else { return };
                    let before = {
                        let mut log = log.lock().unwrap();
                        let before = log.iter().filter(|other| other.action == call.action).count();
                        log.push(call.clone());
                        before
                    };
                    if let Some(answer) = answer(&server, &call, fault(&call.action, before)).await {
                        // A client that went away meanwhile wants no answer.
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                });
            }
        });
        Self { address, calls, _connections: listening }
    }

    /// The URL of a queue, as seen through the proxy.
    pub(super) fn url(&self, queue_url: &str) -> String {
        let path = queue_url.splitn(4, '/').nth(3).unwrap();
        format!("http://{}/{path}", self.address)
    }

    /// The calls of an action so far.
    pub(super) fn calls(&self, action: &str) -> Vec<Call> {
        self.calls.lock().unwrap().iter().filter(|call| call.action == action).cloned().collect()
    }
}

async fn read_call(stream: &mut TcpStream) -> Option<Call> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("no {name} in {head}")).split_once(':').unwrap().1.trim().to_owned()
    };
    let length: usize = header("content-length").parse().unwrap();
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Call {
        action: header("x-amz-target").strip_prefix("AmazonSQS.").unwrap().to_owned(),
        request: serde_json::from_slice(&bytes[head_end..]).unwrap(),
    })
}

async fn answer(server: &QueueServer, call: &Call, fault: Fault) -> Option<String> {
    let (status, body) = match fault {
        Fault::Pass => forward(server, call, &call.request).await,
        Fault::FailEntries(ids) => fail_entries(server, call, INTERNAL, |id| ids.contains(&id)).await,
        Fault::FailAllEntries => fail_entries(server, call, INTERNAL, |_| true).await,
        Fault::ExpireEntries(ids) => fail_entries(server, call, INVALID, |id| ids.contains(&id)).await,
        Fault::Repeat => {
            forward_messages(server, call, |messages| {
                let again: Vec<Value> = messages.iter().rev().cloned().collect();
                messages.extend(again);
            })
            .await
        }
        Fault::NoReceipts => {
            forward_messages(server, call, |messages| {
                messages[0].as_object_mut().unwrap().remove("ReceiptHandle");
                messages[1]["ReceiptHandle"] = "".into();
            })
            .await
        }
        Fault::DropBefore => return None,
        Fault::Hang => std::future::pending().await,
        Fault::DropAfter => {
            forward(server, call, &call.request).await;
            return None;
        }
        Fault::Refuse(status, code) => (
            status,
            json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": "so it was told"}).to_string(),
        ),
    };
    Some(format!(
        "HTTP/1.1 {status} Told\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    ))
}

async fn forward(server: &QueueServer, call: &Call, request: &Value) -> (u16, String) {
    match server.call(&call.action, request).await {
        Ok(answer) => (200, answer.to_string()),
        Err(refusal) => (refusal.status, refusal.body),
    }
}

/// Passes a receive on, and changes what it brought.
async fn forward_messages(
    server: &QueueServer,
    call: &Call,
    change: impl Fn(&mut Vec<Value>),
) -> (u16, String) {
    let mut answer = server.call(&call.action, &call.request).await.unwrap();
    change(answer["Messages"].as_array_mut().expect("there are messages"));
    (200, answer.to_string())
}

/// Codes of entries that failed, and whether the caller is to blame.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_BatchResultErrorEntry.html>
const INTERNAL: (&str, bool) = ("InternalError", false);
const INVALID: (&str, bool) = ("ReceiptHandleIsInvalid", true);

async fn fail_entries(
    server: &QueueServer,
    call: &Call,
    (code, sender_fault): (&str, bool),
    fails: impl Fn(&str) -> bool,
) -> (u16, String) {
    let entries = call.request["Entries"].as_array().unwrap().iter().cloned();
    let (failed, passed): (Vec<Value>, Vec<Value>) =
        entries.partition(|entry| fails(entry["Id"].as_str().unwrap()));
    let mut answer = json!({"Successful": [], "Failed": []});
    if !passed.is_empty() {
        let mut request = call.request.clone();
        request["Entries"] = passed.into();
        answer = server.call(&call.action, &request).await.unwrap();
    }
    let failed =
        failed.iter().map(|entry| json!({"Id": entry["Id"], "Code": code, "SenderFault": sender_fault}));
    answer["Failed"] = failed.collect();
    (200, answer.to_string())
}
