//! As much of HTTP and of AWS's JSON protocol as calls to a server on this machine need.

use std::fmt;
use std::io;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The server's refusal of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status, such as 400.
    pub status: u16,
    /// The error's type and message as JSON.
    pub body: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the queue server answered {}: {}", self.status, self.body)
    }
}

impl std::error::Error for Refusal {}

/// One call over a connection of its own.
pub(super) async fn call(address: &str, action: &str, request: &Value) -> Result<Value, Refusal> {
    try_call(address, action, request)
        .await
        .unwrap_or_else(|error| panic!("the queue server at {address} can't be reached: {error}"))
}

/// The same, of a server that may be away.
pub(super) async fn try_call(
    address: &str,
    action: &str,
    request: &Value,
) -> io::Result<Result<Value, Refusal>> {
    let body = request.to_string();
    // Nothing checks the signature; the scope's region is where a queue is created.
    let head = format!(
        "POST / HTTP/1.1\r\n\
         Host: {address}\r\n\
         Connection: close\r\n\
         Content-Type: application/x-amz-json-1.0\r\n\
         Content-Length: {}\r\n\
         X-Amz-Target: AmazonSQS.{action}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0\r\n\
         \r\n",
        body.len()
    );
    let answer = exchange(address, head.as_bytes(), body.as_bytes()).await?;
    let (status, body) =
        split(&answer).ok_or_else(|| io::Error::other(format!("no HTTP answer: {answer:?}")))?;
    if status != 200 {
        return Ok(Err(Refusal { status, body: body.to_owned() }));
    }
    if body.is_empty() {
        return Ok(Ok(Value::Null));
    }
    serde_json::from_str(body)
        .map(Ok)
        .map_err(|error| io::Error::other(format!("the queue server's answer is no JSON ({error}): {body}")))
}

async fn exchange(address: &str, head: &[u8], body: &[u8]) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head).await?;
    stream.write_all(body).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Splits an answer that ends with the connection into its status and body.
fn split(answer: &str) -> Option<(u16, &str)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding:");
    (!chunked).then_some((status, body))
}
