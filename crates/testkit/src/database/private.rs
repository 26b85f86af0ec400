//! A server of one test's own, which may be killed.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aftersend_embedded::{Options, Server};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long killed processes may take to be gone.
const GONE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often it is looked meanwhile.
const GONE_POLL: Duration = Duration::from_millis(2);

/// A PostgreSQL server of one test's own, on a Unix socket, with its data in a folder of its own. Dropped, it
/// stops, and the folder goes; also when the test is killed, it stops.
///
/// It keeps what it has committed, whatever happens to its processes: nothing is switched off for speed.
#[derive(Debug)]
pub struct PrivateServer {
    // In this order: the folder must outlive the server.
    server: Server,
    data_dir: PathBuf,
    _folder: TempDir,
}

impl PrivateServer {
    /// Makes a database and starts its server.
    ///
    /// # Panics
    /// If there is no PostgreSQL or it doesn't start; the message says what to do.
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("aftersend-server-")
            // Under root the server runs as another user, who must get through; its data lies in a private folder
            // below.
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("making a folder for a server");
        let data_dir = folder.path().join("data");
        let server = start(&data_dir).await;
        Self { server, data_dir, _folder: folder }
    }

    /// How to connect: a URL for libpq and tokio-postgres. It stays the same over restarts.
    pub fn url(&self) -> String {
        self.server.connection().url()
    }

    /// What kills this server, from any thread.
    ///
    /// # Panics
    /// If somebody has removed its data.
    pub fn killer(&self) -> ServerKiller {
        // Every process of a server works in the server's data folder, and nobody else does.
        let postgres_dir = self.data_dir.join("postgres");
        let postgres_dir = postgres_dir.canonicalize().expect("the server's data folder is there");
        ServerKiller { postgres_dir }
    }

    /// Starts the server again after it was killed, and waits until it has recovered.
    ///
    /// # Panics
    /// If it doesn't start.
    pub async fn restart(&mut self) {
        // The new handle first: when the old one goes, the server has a user still.
        self.server = start(&self.data_dir).await;
    }
}

/// Kills a server, its first process and all others.
#[derive(Debug, Clone)]
pub struct ServerKiller {
    postgres_dir: PathBuf,
}

impl ServerKiller {
    /// Sends SIGKILL to all processes of the server until none is left, and returns how many there were. Blocks for some
    /// milliseconds.
    ///
    /// # Panics
    /// If the system does not tell which they are, or they don't go.
    pub fn kill(&self) -> usize {
        let deadline = Instant::now() + GONE_TIMEOUT;
        let mut killed = 0;
        loop {
            let processes = self.processes().expect("looking for the server's processes in /proc");
            if processes.is_empty() {
                return killed;
            }
            assert!(Instant::now() < deadline, "the server's processes {processes:?} don't go");
            for process in processes {
                // One that has ended meanwhile is no failure.
                killed += usize::from(kill_process(process, Signal::KILL).is_ok());
            }
            std::thread::sleep(GONE_POLL);
        }
    }

    fn processes(&self) -> io::Result<Vec<Pid>> {
        let mut processes = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let path = entry?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
            let Some(process) = number.and_then(Pid::from_raw) else { continue };
            // Those of other accounts can't be read, and a dead one has none.
            if fs::read_link(path.join("cwd")).is_ok_and(|folder| folder == self.postgres_dir) {
                processes.push(process);
            }
        }
        Ok(processes)
    }
}

async fn start(data_dir: &Path) -> Server {
    let options = Options::new(data_dir);
    let started = tokio::task::spawn_blocking(move || Server::start(&options)).await;
    started.expect("starting a server").unwrap_or_else(|error| panic!("no server for this test: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Client;

    #[tokio::test]
    async fn a_killed_server_comes_back_with_what_it_had_committed() {
        let mut server = PrivateServer::start().await;
        let client = Client::connect(&server.url()).await;
        client.batch_execute("CREATE TABLE kept (number int4); INSERT INTO kept VALUES (7)").await.unwrap();
        let killer = server.killer();
        assert!(killer.kill() > 1);
        assert!(client.batch_execute("SELECT 1").await.unwrap_err().is_closed());
        assert_eq!(killer.kill(), 0);
        assert!(Client::try_connect(&server.url()).await.is_err());

        server.restart().await;
        let client = Client::connect(&server.url()).await;
        let row = client.query_one("SELECT number FROM kept", &[]).await.unwrap();
        assert_eq!(row.get::<_, i32>(0), 7);
    }

    #[tokio::test]
    async fn nothing_is_left_of_it() {
        let server = PrivateServer::start().await;
        let (folder, killer) = (server.data_dir.clone(), server.killer());
        tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
        assert!(!folder.exists());
        assert_eq!(killer.processes().unwrap(), []);
    }
}
