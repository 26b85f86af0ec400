//! A relay between a program and the server that counts how often the one waited for the other.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    task::{JoinHandle, JoinSet},
};

use crate::server::PrivateServer;

/// Bytes passed on at once.
const PASSED_BYTES_MAX: usize = 64 * 1024;

/// Listens where a server would. Dropped, it stops, and those who talk through it are cut off.
pub(super) struct Relay {
    address: String,
    round_trips: Arc<AtomicU64>,
    task: JoinHandle<()>,
    // The last to go: the socket lies in it.
    _folder: TempDir,
}

impl Relay {
    /// Begins to listen, for one database.
    pub(super) fn start(server: &PrivateServer, database: &str) -> anyhow::Result<Self> {
        // Short: the path of a socket has room for 107 bytes.
        let folder = tempfile::Builder::new().prefix("aftersend-relay-").tempdir_in("/tmp")?;
        let listener =
            UnixListener::bind(socket_in(folder.path(), server.port())).context("making a relay's socket")?;
        let address = server.address_at(folder.path(), database);
        let round_trips = Arc::new(AtomicU64::new(0));
        let server_socket = socket_in(server.socket_folder(), server.port());
        let counter = Arc::clone(&round_trips);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (server_socket, counter) = (server_socket.clone(), Arc::clone(&counter));
                connections.spawn(async move {
                    // Either side's end is the end; who lost the other notices by itself.
                    let _ = pass(client, &server_socket, &counter).await;
                });
            }
        });
        Ok(Self { address, round_trips, task, _folder: folder })
    }

    /// Where a program finds the server through it.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// How often a program sent something after it had heard from the server. What it sends without waiting for an answer
    /// in between is one round trip.
    pub(super) fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server's socket has a name that holds its port.
fn socket_in(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!(".s.PGSQL.{port}"))
}

async fn pass(mut client: UnixStream, server_socket: &Path, round_trips: &AtomicU64) -> io::Result<()> {
    let mut server = UnixStream::connect(server_socket).await?;
    let mut asked = vec![0; PASSED_BYTES_MAX];
    let mut answered = vec![0; PASSED_BYTES_MAX];
    let mut heard = true;
    loop {
        tokio::select! {
            bytes = client.read(&mut asked) => match bytes? {
                0 => return Ok(()),
                bytes => {
                    if std::mem::take(&mut heard) {
                        round_trips.fetch_add(1, Ordering::Relaxed);
                    }
                    server.write_all(&asked[..bytes]).await?;
                }
            },
            bytes = server.read(&mut answered) => match bytes? {
                0 => return Ok(()),
                bytes => {
                    heard = true;
                    client.write_all(&answered[..bytes]).await?;
                }
            },
        }
    }
}
