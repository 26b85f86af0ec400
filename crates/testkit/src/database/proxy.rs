//! A server between a program and PostgreSQL that sees each message of the protocol, and stops some.

use std::fmt::Write as _;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio_postgres::{Config, config::Host};

/// A message that is longer is none of the protocol's, as tests use it.
const MESSAGE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// PostgreSQL's own port, where the URL names none.
const PORT_DEFAULT: u16 = 5432;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the program to PostgreSQL.
    ToServer,
    /// From PostgreSQL to the program.
    ToClient,
}

/// A message of PostgreSQL's protocol on its way:
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
#[derive(Debug, Clone, Copy)]
pub struct Passing<'a> {
    /// Which connection, counted from 0 in the order in which they were opened.
    pub connection: usize,
    /// Which way.
    pub direction: Direction,
    /// The message's type; 0 for the first one of a connection, which has none.
    pub kind: u8,
    body: &'a [u8],
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It goes on.
    Pass,
    /// It goes on after a while.
    Late(Duration),
    /// It is lost, and the connection ends.
    Cut,
    /// Half of it goes on, and the connection ends.
    CutWithin,
    /// It is lost, and nothing more goes that way, while the connection stays open: what a network does whose
    /// cable was pulled.
    Lost,
}

/// A proxy on a free port of the loopback interface. It ends with all its connections when this is dropped.
#[derive(Debug)]
pub struct DatabaseProxy {
    url: String,
    _listening: JoinSet<()>,
}

type Decide = dyn Fn(&Passing<'_>) -> Passage + Send + Sync;

impl Passing<'_> {
    /// The SQL of a `Query` or a `Parse`.
    pub fn sql(&self) -> Option<&str> {
        let mut words = self.body.split(|byte| *byte == 0);
        let sql = match (self.direction, self.kind) {
            (Direction::ToServer, b'Q') => words.next(),
            // After the statement's name.
            (Direction::ToServer, b'P') => words.nth(1),
            _ => None,
        };
        std::str::from_utf8(sql?).ok()
    }

    /// What PostgreSQL says it has done, such as `INSERT 0 3` or `COMMIT`.
    pub fn done(&self) -> Option<&str> {
        if (self.direction, self.kind) != (Direction::ToClient, b'C') {
            return None;
        }
        std::str::from_utf8(self.body.strip_suffix(&[0])?).ok()
    }
}

impl DatabaseProxy {
    /// Starts a proxy in front of the database that a URL names, and asks what becomes of each message.
    ///
    /// # Panics
    /// If the URL can't be read or there is no port.
    pub async fn start(
        server_url: &str,
        decide: impl Fn(&Passing<'_>) -> Passage + Send + Sync + 'static,
    ) -> Self {
        let server: Config = server_url.parse().expect("the server's URL can be read");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a socket that listens has an address").port();
        let url = url(&server, port);
        let mut listening = JoinSet::new();
        listening.spawn(listen(listener, server, Arc::new(decide)));
        Self { url, _listening: listening }
    }

    /// How to connect through the proxy, for libpq and tokio-postgres.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// The server's URL with the proxy's place in it, as a list of `key=value`.
fn url(server: &Config, port: u16) -> String {
    let mut url = format!("host=127.0.0.1 port={port} sslmode=disable");
    let mut add = |key: &str, value: &str| {
        let value = value.replace('\\', r"\\").replace('\'', r"\'");
        write!(url, " {key}='{value}'").expect("writing to a string");
    };
    let password = server.get_password().map(|password| String::from_utf8_lossy(password).into_owned());
    for (key, value) in [
        ("user", server.get_user()),
        ("dbname", server.get_dbname()),
        ("application_name", server.get_application_name()),
        ("password", password.as_deref()),
    ] {
        if let Some(value) = value {
            add(key, value);
        }
    }
    url
}

async fn listen(listener: TcpListener, server: Config, decide: Arc<Decide>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    for connection in 0.. {
        let (client, _) = listener.accept().await.expect("accepting a connection");
        let (server, decide) = (server.clone(), Arc::clone(&decide));
        connections.spawn(async move {
            // A server that is away, or a side that is gone, ends the connection for the other side.
            let _ = relay(client, &server, connection, &*decide).await;
        });
        // Those that have ended need no memory.
        while connections.try_join_next().is_some() {}
    }
}

async fn relay(client: TcpStream, server: &Config, connection: usize, decide: &Decide) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (from_server, to_server) = connect(server).await?;
    let (from_client, to_client) = client.into_split();
    let there = Way { connection, direction: Direction::ToServer, decide };
    let back = Way { connection, direction: Direction::ToClient, decide };
    // Whichever way ends first ends both.
    tokio::select! {
        ended = there.run(from_client, to_server) => ended,
        ended = back.run(from_server, to_client) => ended,
    }
}

type ReadHalf = Box<dyn AsyncRead + Send + Unpin>;
type WriteHalf = Box<dyn AsyncWrite + Send + Unpin>;

async fn connect(server: &Config) -> io::Result<(ReadHalf, WriteHalf)> {
    let port = server.get_ports().first().copied().unwrap_or(PORT_DEFAULT);
    match server.get_hosts().first() {
        Some(Host::Unix(folder)) => {
            let stream = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?;
            let (read, write) = stream.into_split();
            Ok((Box::new(read), Box::new(write)))
        }
        Some(Host::Tcp(name)) => {
            let stream = TcpStream::connect((name.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            let (read, write) = stream.into_split();
            Ok((Box::new(read), Box::new(write)))
        }
        None => Err(io::Error::other("the server's URL names no host")),
    }
}

/// One way of a connection.
struct Way<'a> {
    connection: usize,
    direction: Direction,
    decide: &'a Decide,
}

impl Way<'_> {
    async fn run(&self, from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
        let mut from = BufReader::new(from);
        // The first message of a client has no type.
        let mut typed = self.direction == Direction::ToClient;
        loop {
            let message = read_message(&mut from, typed).await?;
            let head = if typed { 5 } else { 4 };
            let passing = Passing {
                connection: self.connection,
                direction: self.direction,
                kind: if typed { message[0] } else { 0 },
                body: &message[head..],
            };
            match (self.decide)(&passing) {
                Passage::Pass => to.write_all(&message).await?,
                Passage::Late(pause) => {
                    tokio::time::sleep(pause).await;
                    to.write_all(&message).await?;
                }
                Passage::Cut => return Ok(()),
                Passage::CutWithin => return to.write_all(&message[..message.len() / 2]).await,
                Passage::Lost => pending().await,
            }
            typed = true;
        }
    }
}

/// A message whole: its type, if it has one, its length, and the rest.
async fn read_message(from: &mut (impl AsyncRead + Unpin), typed: bool) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    if typed {
        message.push(from.read_u8().await?);
    }
    // The length counts itself, and not the type.
    let length = from.read_u32().await?;
    let rest = (length as usize).checked_sub(4).filter(|rest| *rest <= MESSAGE_BYTES_MAX);
    let rest = rest.ok_or_else(|| io::Error::other("that is no message of PostgreSQL's protocol"))?;
    message.extend_from_slice(&length.to_be_bytes());
    let head = message.len();
    message.resize(head + rest, 0);
    from.read_exact(&mut message[head..]).await?;
    Ok(message)
}

#[cfg(test)]
mod tests;
