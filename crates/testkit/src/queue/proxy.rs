//! A server between a program and the queue server that goes wrong as told.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{QueueServer, http};

/// Longer than any request of the SQS API: ten messages of 1 MiB.
const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A call of the SQS API as the client made it.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is asked for, such as `ReceiveMessage`.
    pub action: String,
    /// The request, in the API's own terms.
    pub request: Value,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The queue gets it.
    Pass,
    /// The queue gets it after a while.
    Late(Duration),
    /// The entries of a batch with these ids don't reach the queue, and are named as failed in an answer that is a
    /// success.
    FailEntries(Vec<String>),
    /// A refusal by the service: the HTTP status and the error's code, such as 400 and `RequestThrottled`.
    Refuse(u16, &'static str),
    /// The connection ends without an answer, and the queue never hears of the call.
    Drop,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The client gets it.
    Give,
    /// The connection ends without it, though the queue has done what it was asked to.
    Drop,
}

/// What goes wrong.
pub trait Faults: Send + Sync + 'static {
    /// Decides about a call before it reaches the queue, and may change it.
    fn before(&self, call: &mut Call) -> Fate {
        let _ = call;
        Fate::Pass
    }

    /// Decides about the queue's answer before it goes back, and may change it. Refusals are passed on unasked.
    fn after(&self, call: &Call, answer: &mut Value) -> Reply {
        let _ = (call, answer);
        Reply::Give
    }
}

/// A proxy on a free port of the loopback interface. It ends with all its connections when this is dropped.
#[derive(Debug)]
pub struct QueueProxy {
    address: String,
    _listening: JoinSet<()>,
}

impl Call {
    /// The ids of a batch's entries; none for a call that is no batch.
    pub fn entry_ids(&self) -> Vec<String> {
        let entries = self.request["Entries"].as_array().map_or(&[][..], Vec::as_slice);
        entries.iter().filter_map(|entry| entry["Id"].as_str()).map(str::to_owned).collect()
    }
}

impl QueueProxy {
    /// Starts a proxy in front of a queue server.
    ///
    /// # Panics
    /// If there is no port.
    pub async fn start(server: &QueueServer, faults: impl Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a socket that listens has an address").to_string();
        let mut listening = JoinSet::new();
        listening.spawn(listen(listener, server.address.clone(), Arc::new(faults)));
        Self { address, _listening: listening }
    }

    /// The URL of a queue, as seen through the proxy.
    ///
    /// # Panics
    /// If the URL is none of the server's.
    pub fn url(&self, queue_url: &str) -> String {
        let path = queue_url.splitn(4, '/').nth(3).expect("a queue's URL has a path");
        format!("http://{}/{path}", self.address)
    }
}

async fn listen(listener: TcpListener, server: String, faults: Arc<dyn Faults>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.expect("accepting a connection");
        let (server, faults) = (server.clone(), Arc::clone(&faults));
        connections.spawn(async move {
            // A side that is gone ends the connection for the other side.
            let _ = serve(client, &server, &*faults).await;
        });
        // Those that have ended need no memory.
        while connections.try_join_next().is_some() {}
    }
}

/// One call. Each has a connection of its own, so that its end is an end of that call alone.
async fn serve(mut client: TcpStream, server: &str, faults: &dyn Faults) -> io::Result<()> {
    let Some(mut call) = read_call(&mut client).await? else { return Ok(()) };
    let fate = faults.before(&mut call);
    let forwarded = forward(server, &mut call, fate);
    let answered = tokio::select! {
        answered = forwarded => answered?,
        // A client that was killed in a long poll takes its call with it.
        _ = client.read_u8() => return Ok(()),
    };
    let (status, body) = match answered {
        None => return Ok(()),
        Some(Err(refusal)) => (refusal.status, refusal.body),
        Some(Ok(mut answer)) => match faults.after(&call, &mut answer) {
            Reply::Give => (200, answer.to_string()),
            Reply::Drop => return Ok(()),
        },
    };
    let head = format!(
        "HTTP/1.1 {status} Told\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).await?;
    client.write_all(body.as_bytes()).await
}

/// The queue's answer, or what stands in its place; none if the connection is to end.
async fn forward(
    server: &str,
    call: &mut Call,
    fate: Fate,
) -> io::Result<Option<Result<Value, http::Refusal>>> {
    match fate {
        Fate::Pass => {}
        Fate::Late(pause) => tokio::time::sleep(pause).await,
        Fate::FailEntries(ids) => return fail_entries(server, call, &ids).await.map(Some),
        Fate::Refuse(status, code) => {
            let body = json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": "so it was told"});
            return Ok(Some(Err(http::Refusal { status, body: body.to_string() })));
        }
        Fate::Drop => return Ok(None),
    }
    http::try_call(server, &call.action, &call.request).await.map(Some)
}

async fn fail_entries(
    server: &str,
    call: &mut Call,
    ids: &[String],
) -> io::Result<Result<Value, http::Refusal>> {
    let entries = call.request["Entries"].take();
    let entries = entries.as_array().cloned().unwrap_or_default();
    let fails = |entry: &Value| entry["Id"].as_str().is_some_and(|id| ids.iter().any(|fails| fails == id));
    let (failed, passed): (Vec<Value>, Vec<Value>) = entries.into_iter().partition(fails);
    let mut answer = json!({"Successful": [], "Failed": []});
    if !passed.is_empty() {
        call.request["Entries"] = passed.into();
        match http::try_call(server, &call.action, &call.request).await? {
            Ok(done) => answer = done,
            refused => return Ok(refused),
        }
    }
    let failed =
        failed.iter().map(|entry| json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": false}));
    answer["Failed"] = failed.collect();
    Ok(Ok(answer))
}

/// The client's call, or none if it went away before it had made one.
async fn read_call(client: &mut TcpStream) -> io::Result<Option<Call>> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let header = |name: &str| {
        let value = head.lines().filter_map(|line| line.split_once(':'));
        let mut value =
            value.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
        value.next().ok_or_else(|| io::Error::other(format!("a call without {name}")))
    };
    let length: usize = header("content-length")?.parse().map_err(io::Error::other)?;
    if length > REQUEST_BYTES_MAX {
        return Err(io::Error::other("a call that is too long"));
    }
    while bytes.len() < head_end + length {
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    let action = header("x-amz-target")?;
    let action = action.strip_prefix("AmazonSQS.").unwrap_or(action).to_owned();
    Ok(Some(Call { action, request: serde_json::from_slice(&bytes[head_end..])? }))
}

#[cfg(test)]
mod tests;
