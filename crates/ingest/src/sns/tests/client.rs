//! A client that writes exactly what it is told.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// An answer's head.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    head: String,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let named =
            |line: &'_ str| line.split_once(": ").is_some_and(|(other, _)| other.eq_ignore_ascii_case(name));
        self.head.lines().find(|line| named(line)).map(|line| line.split_once(": ").unwrap().1)
    }
}

/// Posts a body as SNS does.
pub(super) async fn post(address: SocketAddr, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    request(address, "POST", "/hooks/sns", headers, body).await
}

pub(super) async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: hooks.example.com\r\nUser-Agent: Amazon Simple Notification Service Agent\r\n\
         Content-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        head.push_str("Content-Type: text/plain; charset=UTF-8\r\n");
    }
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    exchange(address, &[head.as_bytes(), body].concat()).await.expect("an answer")
}

/// Writes these bytes and reads an answer; nothing if the connection ends without one.
pub(super) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    read(&mut stream).await
}

/// Reads an answer to its end.
pub(super) async fn read(stream: &mut TcpStream) -> Option<Reply> {
    let mut answer = Vec::new();
    // A reset after the answer takes nothing away from it.
    while let Ok(count) = stream.read_buf(&mut answer).await
        && count > 0
    {}
    let answer = String::from_utf8(answer).unwrap();
    if answer.is_empty() {
        return None;
    }
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "", "nothing is told");
    Some(Reply { status: head[9..12].parse().unwrap(), head: head.to_owned() })
}
