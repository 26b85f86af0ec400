//! Listens on the wire between a migrator and its server: what was sent there is what was run.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream, UnixStream},
    task::JoinHandle,
};
use tokio_postgres::config::{Config, Host};

use crate::DatabaseAddress;

/// How a migrator's own connection begins.
const MIGRATOR: &str = "SET application_name = 'aftersend migrate';";

/// What the connections are called that it opens beside, to keep a build waiting and to clean up meanwhile.
const HELPER: &str = "SET application_name = 'aftersend migrate, ";

/// A connection's texts, in the order in which they were sent.
type Sent = Arc<Mutex<Vec<Vec<String>>>>;

/// Passes on what is sent through it, and keeps the statements.
pub(super) struct Wire {
    pub(super) address: DatabaseAddress,
    sent: Sent,
    task: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    pub(super) async fn to(url: &str) -> Self {
        let config: Config = url.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut text = format!(
            "host=127.0.0.1 port={port} sslmode=disable user={} dbname={}",
            config.get_user().unwrap(),
            config.get_dbname().unwrap()
        );
        if let Some(password) = config.get_password() {
            write!(text, " password='{}'", std::str::from_utf8(password).unwrap()).unwrap();
        }
        let sent = Sent::default();
        let task = tokio::spawn(accept(listener, config, Arc::clone(&sent)));
        Self { address: text.parse().unwrap(), sent, task }
    }

    /// What the migrator has sent so far, each statement by itself.
    pub(super) fn migrators(&self) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        sent.iter()
            .filter(|texts| texts.iter().any(|text| text.starts_with(MIGRATOR)))
            .filter(|texts| !texts.iter().any(|text| text.contains(HELPER)))
            .flat_map(|texts| texts.iter().flat_map(|text| statements(text)))
            .collect()
    }
}

async fn accept(listener: TcpListener, config: Config, sent: Sent) {
    // They end with their connections, all of them when this one is aborted.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let place = {
            let mut sent = sent.lock().unwrap();
            sent.push(Vec::new());
            sent.len() - 1
        };
        let (config, sent) = (config.clone(), Arc::clone(&sent));
        connections.spawn(async move {
            let keep = move |text| sent.lock().unwrap()[place].push(text);
            let port = config.get_ports().first().copied().unwrap_or(5432);
            match &config.get_hosts()[0] {
                Host::Unix(folder) => {
                    let server = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await.unwrap();
                    let (read, write) = server.into_split();
                    pass_on(client, read, write, keep).await;
                }
                Host::Tcp(name) => {
                    let server = TcpStream::connect((name.as_str(), port)).await.unwrap();
                    let (read, write) = server.into_split();
                    pass_on(client, read, write, keep).await;
                }
            }
        });
    }
}

async fn pass_on(
    client: TcpStream,
    mut from_server: impl tokio::io::AsyncRead + Unpin,
    mut to_server: impl tokio::io::AsyncWrite + Unpin,
    keep: impl FnMut(String),
) {
    let (from_client, mut to_client) = client.into_split();
    // Whichever side ends first ends both; a connection that is cut is no failure of the test's.
    tokio::select! {
        _ = listen(from_client, &mut to_server, keep) => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
}

/// Reads the client's messages. <https://www.postgresql.org/docs/current/protocol-message-formats.html>
async fn listen(
    mut client: impl tokio::io::AsyncRead + Unpin,
    server: &mut (impl tokio::io::AsyncWrite + Unpin),
    mut keep: impl FnMut(String),
) -> std::io::Result<()> {
    let mut prepared: HashMap<String, String> = HashMap::new();
    // The first message has no type.
    let mut typed = false;
    loop {
        let kind = if typed { client.read_u8().await? } else { 0 };
        let length = client.read_u32().await?;
        let mut body = vec![0; length as usize - 4];
        client.read_exact(&mut body).await?;
        let mut words = body.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        match kind {
            b'Q' => keep(words.next().unwrap()),
            b'P' => {
                let name = words.next().unwrap();
                prepared.insert(name, words.next().unwrap());
            }
            // A statement runs once for each time that values are bound to it.
            b'B' => {
                words.next();
                keep(prepared[&words.next().unwrap()].clone());
            }
            _ => {}
        }
        if typed {
            server.write_u8(kind).await?;
        }
        server.write_u32(length).await?;
        server.write_all(&body).await?;
        typed = true;
    }
}

/// The statements of a text, without comments, their white space made even.
pub(super) fn statements(text: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    let mut quote = None;
    for line in text.lines() {
        let line = if quote.is_none() { line.split("--").next().unwrap() } else { line };
        for part in line.split_inclusive(['\'', ';', ' ', '$']) {
            let last = statements.last_mut().unwrap();
            match (quote, part.chars().last()) {
                (None, Some(';')) => {
                    last.push_str(part.trim_end_matches(';'));
                    statements.push(String::new());
                    continue;
                }
                (None, Some(mark @ '\'')) => quote = Some(mark),
                // `$$`, the second of which comes as a part of its own; `$1` stands alone.
                (None, Some(mark @ '$')) if line.contains("$$") => quote = Some(mark),
                (Some('$'), Some('$')) if part == "$" && !last.ends_with("AS $") => quote = None,
                (Some('\''), Some('\'')) => quote = None,
                _ => {}
            }
            last.push_str(part);
        }
        statements.last_mut().unwrap().push(' ');
    }
    statements
        .iter()
        .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|statement| !statement.is_empty())
        .collect()
}
