//! A connection pooler between a test and its database.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio_postgres::{Config, config::Host};

use crate::database::Client;

/// How long it may take until it answers. It needs some milliseconds; a machine busy with compiling needs more.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How often it is asked meanwhile.
const START_POLL: Duration = Duration::from_millis(10);

/// On a Unix socket the port is only a part of the file's name.
const PORT: u16 = 6432;

/// The account and group `nobody` on Linux, for a root that has no better one to offer.
const NOBODY: (u32, u32) = (65534, 65534);

/// Runs the pooler `$1` with the settings `$2` until it ends or standard input does. The latter is a pipe from the
/// test: the pooler itself would go on after a test that was killed. It has nothing to save, and what asks it for an
/// immediate end differs between its versions, so that it is killed.
const RUN: &str = r#"
exec 3<&0
"$1" -q "$2" & pooler=$!
exec 2>/dev/null
(cat <&3 >/dev/null; kill -9 "$pooler") & watcher=$!
wait "$pooler"
kill "$watcher"
"#;

/// For how long a client keeps one session of the server: <https://www.pgbouncer.org/config.html#pool_mode>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// As long as it is connected.
    Session,
    /// For a transaction.
    Transaction,
    /// For a statement; transactions of several are refused.
    Statement,
}

/// A PgBouncer of this test's own in front of a database, on a Unix socket in a private folder; it stops when this
/// is dropped, and when the test is killed.
#[derive(Debug)]
pub struct Pooler {
    process: Child,
    folder: TempDir,
    url: String,
}

impl Pooler {
    /// Starts a pooler in front of the database that a URL names, with at most this many sessions on the server,
    /// and waits until it answers. Any user name and password will do for its clients.
    ///
    /// # Panics
    /// If there is no PgBouncer or it doesn't start; the message says what to do.
    pub async fn start(server_url: &str, mode: PoolMode, sessions_max: u16) -> Self {
        let server: Config = server_url.parse().expect("the server's URL can be read");
        let mut pooler = Self::spawn(&server, mode, sessions_max)
            .unwrap_or_else(|error| panic!("can't run PgBouncer: {error}"));
        pooler.await_answer().await;
        pooler
    }

    /// How to connect: a URL for libpq and tokio-postgres, with the database's name and the server URL's
    /// `application_name`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connects through the pooler.
    ///
    /// # Panics
    /// If it refuses.
    pub async fn client(&self) -> Client {
        Client::connect(&self.url).await
    }

    fn spawn(server: &Config, mode: PoolMode, sessions_max: u16) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("aftersend-pooler-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()?;
        let settings = folder.path().join("pgbouncer.ini");
        fs::write(&settings, settings_text(server, folder.path(), mode, sessions_max))?;
        let mut command = Command::new("sh");
        command.arg("-c").arg(RUN).arg("sh").arg(program()?).arg(&settings);
        if let Some((uid, gid)) = account_to_drop_to(server)? {
            // It refuses to run as root, and reads its settings as whom it runs as.
            chown(folder.path(), Some(uid), Some(gid))?;
            chown(&settings, Some(uid), Some(gid))?;
            command.uid(uid).gid(gid);
        }
        let process = command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let url = url(server, folder.path());
        Ok(Self { process, folder, url })
    }

    async fn await_answer(&mut self) {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let refused = match Client::try_connect(&self.url).await {
                // The pooler itself lets everybody in; only a question reaches the server.
                Ok(client) => match client.batch_execute("SELECT").await {
                    Ok(()) => return,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let ended = self.process.try_wait().expect("looking after the pooler's process");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "PgBouncer does not answer: {refused}; it said:\n{}",
                fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
            );
            tokio::time::sleep(START_POLL).await;
        }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // The end of its input is what ends it; it fails to be waited for only if it has ended already.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The program, where a package puts it: Debian in a folder that is only in root's `PATH`.
fn program() -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"].map(PathBuf::from))
        .map(|folder| folder.join("pgbouncer"))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            io::Error::other("it is not installed: run script/test, which installs what tests need")
        })
}

/// Whom the pooler runs as when this test is root: who may open the server's socket.
fn account_to_drop_to(server: &Config) -> io::Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let Some(Host::Unix(folder)) = server.get_hosts().first() else { return Ok(Some(NOBODY)) };
    let metadata = fs::metadata(folder)?;
    Ok(Some(if metadata.uid() == 0 { NOBODY } else { (metadata.uid(), metadata.gid()) }))
}

/// <https://www.pgbouncer.org/config.html>
fn settings_text(server: &Config, folder: &Path, mode: PoolMode, sessions_max: u16) -> String {
    let mut database = String::from("* =");
    let mut add = |key: &str, value: &str| {
        let value = value.replace('\'', "''");
        write!(database, " {key}='{value}'").expect("writing to a string");
    };
    match server.get_hosts().first() {
        Some(Host::Tcp(host)) => add("host", host),
        Some(Host::Unix(folder)) => add("host", folder.to_str().expect("the socket's folder is UTF-8")),
        None => {}
    }
    add("port", &server.get_ports().first().copied().unwrap_or(5432).to_string());
    if let Some(user) = server.get_user() {
        add("user", user);
    }
    if let Some(password) = server.get_password() {
        add("password", std::str::from_utf8(password).expect("the password is UTF-8"));
    }
    let mode = match mode {
        PoolMode::Session => "session",
        PoolMode::Transaction => "transaction",
        PoolMode::Statement => "statement",
    };
    let folder = folder.display();
    format!(
        "[databases]\n{database}\n\n[pgbouncer]\nunix_socket_dir = {folder}\nlisten_port = {PORT}\n\
         logfile = {folder}/log\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {sessions_max}\n"
    )
}

fn url(server: &Config, folder: &Path) -> String {
    let user = server.get_user().unwrap_or("anybody");
    let database = server.get_dbname().unwrap_or(user);
    let mut url = format!("host={} port={PORT} user={user} dbname={database}", folder.display());
    if let Some(name) = server.get_application_name() {
        write!(url, " application_name={name}").expect("writing to a string");
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Database;

    async fn backend(client: &Client) -> i32 {
        // In one message: between two a pooler may change the session of the server.
        client.query_typed("SELECT pg_backend_pid()", &[]).await.unwrap()[0].get(0)
    }

    #[tokio::test]
    async fn in_transaction_mode_clients_share_a_session() {
        let database = Database::get().await;
        let pooler = Pooler::start(database.url(), PoolMode::Transaction, 1).await;
        let (one, other) = (pooler.client().await, pooler.client().await);
        assert_eq!(backend(&one).await, backend(&other).await);

        // While one has it in a transaction, the other waits.
        one.batch_execute("BEGIN").await.unwrap();
        let waiting = backend(&other);
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            early = &mut waiting => panic!("{early} answered in the other's transaction"),
            _ = backend(&one) => {}
        }
        one.batch_execute("COMMIT").await.unwrap();
        assert_eq!(waiting.await, backend(&one).await);
    }

    #[tokio::test]
    async fn the_pool_is_as_large_as_told() {
        let database = Database::get().await;
        let pooler = Pooler::start(database.url(), PoolMode::Transaction, 2).await;
        let (one, other) = (pooler.client().await, pooler.client().await);
        one.batch_execute("BEGIN").await.unwrap();
        other.batch_execute("BEGIN").await.unwrap();
        assert_ne!(backend(&one).await, backend(&other).await);
    }

    #[tokio::test]
    async fn in_session_mode_a_client_keeps_its_session() {
        let database = Database::get().await;
        let schema = database.fresh_schema();
        let pooler = Pooler::start(schema.url(), PoolMode::Session, 2).await;
        let (one, other) = (pooler.client().await, pooler.client().await);
        let (first, second) = (backend(&one).await, backend(&other).await);
        assert_ne!(first, second);
        assert_eq!((backend(&one).await, backend(&other).await), (first, second));
        // Statements that are prepared by name belong to a session, and work.
        let name: String = one.query_one("SHOW application_name", &[]).await.unwrap().get(0);
        assert_eq!(name, schema.prefix());
    }

    #[tokio::test]
    async fn in_statement_mode_transactions_are_refused() {
        let database = Database::get().await;
        let pooler = Pooler::start(database.url(), PoolMode::Statement, 1).await;
        pooler.client().await.batch_execute("BEGIN").await.unwrap_err();
    }

    #[tokio::test]
    async fn nothing_is_left_of_it() {
        let database = Database::get().await;
        let pooler = Pooler::start(database.url(), PoolMode::Session, 1).await;
        let (folder, client) = (pooler.folder.path().to_owned(), pooler.client().await);
        backend(&client).await;
        drop(pooler);
        client.batch_execute("SELECT").await.unwrap_err();
        assert!(!folder.exists());
    }
}
