//! One PostgreSQL server for all tests of a run, and in it a schema or a database for each test.

mod client;
mod name;
mod private;
pub mod proxy;
mod server;

use std::fmt::Write as _;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_postgres::error::SqlState;

pub use client::Client;
pub use private::{PrivateServer, ServerKiller};
pub use proxy::DatabaseProxy;
pub use server::{URL_VARIABLE, start_server};

/// Session-level advisory lock of what is made once per server. Any number that nothing else uses.
const SETUP_LOCK: i64 = 0x0af7_e25e_7e57;

/// How old a schema or database of a test must be to count as left over by a test that was killed.
const LEFT_OVER_AFTER: Duration = Duration::from_hours(2);

/// How long removing a test's schema waits for locks of sessions that the test left behind. What can't be
/// removed now is removed by a later run.
const DROP_LOCK_TIMEOUT: &str = "5s";

/// The server and database that tests share. A handle: cheap to clone, and nothing happens when it is dropped.
#[derive(Debug, Clone, Copy)]
pub struct Database {
    url: &'static str,
}

/// A schema name of one test's own. The schema itself is not there yet; what was made in it goes with this.
#[derive(Debug)]
pub struct TestSchema {
    database: Database,
    prefix: String,
    url: String,
}

/// A database of one test's own, dropped with this, sessions and all. For tests of what one schema can't keep
/// to itself: `CREATE INDEX CONCURRENTLY` waits for snapshots in all schemas of its database.
#[derive(Debug)]
pub struct TestDatabase {
    database: Database,
    name: String,
    url: String,
}

impl Database {
    /// The database of this run, its server started or joined if need be.
    ///
    /// It is the one that `AFTERSEND_TEST_DATABASE_URL` names, else that of a private server which all test
    /// processes of this user share, and which stops when the last of them has ended. It has the extension
    /// `pg_trgm` in schema public. A test's process, once joined, stays until it ends.
    ///
    /// # Panics
    /// If there is no PostgreSQL or it doesn't start; the message says what to do.
    pub async fn get() -> Self {
        static URL: OnceCell<String> = OnceCell::const_new();
        let url = URL.get_or_init(|| async {
            let url = tokio::task::spawn_blocking(server::shared_url).await.expect("starting the server");
            set_up(&url).await.expect("setting up the database that tests share");
            url
        });
        Self { url: url.await }
    }

    /// How to connect: a URL for libpq and tokio-postgres.
    pub fn url(&self) -> &str {
        self.url
    }

    /// Connects.
    ///
    /// # Panics
    /// If the server can't be reached or refuses.
    pub async fn client(&self) -> Client {
        Client::connect(self.url).await
    }

    /// A new schema name for one test.
    pub fn fresh_schema(&self) -> TestSchema {
        let prefix = name::fresh();
        // The name tells which test a session belongs to, and lets the drop end those that are left.
        let url = with_parameters(self.url, &[("application_name", &prefix)]);
        TestSchema { database: *self, prefix, url }
    }

    /// A new, empty database for one test, without `pg_trgm`.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn fresh_database(&self) -> TestDatabase {
        let name = name::fresh();
        let client = self.client().await;
        // template0: nobody can be connected to it, which would be in the way.
        let create = format!("CREATE DATABASE \"{name}\" TEMPLATE template0");
        client.batch_execute(&create).await.expect("creating a database for the test");
        let settings = format!("ALTER DATABASE \"{name}\" SET synchronous_commit = off");
        client.batch_execute(&settings).await.expect("making its commits quick");
        let url = with_parameters(self.url, &[("dbname", &name), ("application_name", &name)]);
        TestDatabase { database: *self, name, url }
    }
}

impl TestSchema {
    /// The schema's name, and so the program's prefix: `[a-z_][a-z0-9_]*`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// How to connect to the database that the schema is to be in: a URL for libpq and tokio-postgres.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connects, with the server's usual `search_path`.
    ///
    /// # Panics
    /// If the server can't be reached or refuses.
    pub async fn client(&self) -> Client {
        Client::connect(&self.url).await
    }
}

impl Drop for TestSchema {
    fn drop(&mut self) {
        let (url, prefix) = (self.database.url.to_owned(), std::mem::take(&mut self.prefix));
        finish("schema", move || async move {
            let client = Client::try_connect(&url).await?;
            drop_schema(&client, &prefix).await
        });
    }
}

impl TestDatabase {
    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How to connect: a URL for libpq and tokio-postgres.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connects.
    ///
    /// # Panics
    /// If the server can't be reached or refuses.
    pub async fn client(&self) -> Client {
        Client::connect(&self.url).await
    }

    /// Creates the extension `pg_trgm` in schema public.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn create_pg_trgm(&self) {
        let create = "CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public";
        self.client().await.batch_execute(create).await.expect("creating pg_trgm");
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (url, name) = (self.database.url.to_owned(), std::mem::take(&mut self.name));
        finish("database", move || async move {
            let client = Client::try_connect(&url).await?;
            drop_database(&client, &name).await
        });
    }
}

/// Does a drop's work on a thread and runtime of its own, since the test's may be the one that is dropping, and
/// waits for it. Failures are told and otherwise left to the removal of left-overs: a panic here would hide why
/// the test failed.
fn finish<F>(what: &str, work: impl FnOnce() -> F + Send + 'static)
where
    F: Future<Output = Result<(), tokio_postgres::Error>>,
{
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime for one thread").block_on(work())
    });
    match thread.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("the test's {what} was not dropped: {error}: {:?}", error.as_db_error()),
        Err(_) => eprintln!("the test's {what} was not dropped"),
    }
}

async fn drop_schema(client: &Client, prefix: &str) -> Result<(), tokio_postgres::Error> {
    // A session whose test has gone on to dropping may sit in a transaction that nobody will end.
    let sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
    client.execute(sessions, &[&prefix]).await?;
    let statements = format!(
        "SET lock_timeout = '{DROP_LOCK_TIMEOUT}'; SET client_min_messages = warning; \
         DROP SCHEMA IF EXISTS \"{prefix}\" CASCADE"
    );
    client.batch_execute(&statements).await
}

async fn drop_database(client: &Client, name: &str) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(&format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")).await
}

/// What is done once per process: the extension, and the removal of what killed tests left.
async fn set_up(url: &str) -> Result<(), tokio_postgres::Error> {
    let client = Client::connect(url).await;
    let there = "SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'";
    if client.query_opt(there, &[]).await?.is_none() {
        // Two sessions that create an extension at the same time fail on the catalog's unique index,
        // IF NOT EXISTS or not. The lock ends with the session.
        client.execute("SELECT pg_advisory_lock($1)", &[&SETUP_LOCK]).await?;
        client.batch_execute("CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public").await?;
        if std::env::var_os(URL_VARIABLE).is_none() {
            // Our own server. A crash of it may lose the last commits of a test, which nobody misses.
            client.batch_execute("ALTER ROLE CURRENT_USER SET synchronous_commit = off").await?;
        }
        client.execute("SELECT pg_advisory_unlock($1)", &[&SETUP_LOCK]).await?;
    }
    remove_left_overs(&client).await
}

async fn remove_left_overs(client: &Client) -> Result<(), tokio_postgres::Error> {
    let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&SETUP_LOCK]).await?;
    if !row.get::<_, bool>(0) {
        // Another process is at it.
        return Ok(());
    }
    let schemas = client.query("SELECT nspname::text FROM pg_namespace", &[]).await?;
    for prefix in schemas.iter().map(|row| row.get::<_, &str>(0)).filter(|name| is_left_over(name)) {
        let dropped = drop_schema(client, prefix).await;
        if dropped.as_ref().is_err_and(|error| error.code() != Some(&SqlState::LOCK_NOT_AVAILABLE)) {
            return dropped;
        }
    }
    let databases = client.query("SELECT datname::text FROM pg_database", &[]).await?;
    for name in databases.iter().map(|row| row.get::<_, &str>(0)).filter(|name| is_left_over(name)) {
        drop_database(client, name).await?;
    }
    client.execute("SELECT pg_advisory_unlock($1)", &[&SETUP_LOCK]).await.map(drop)
}

fn is_left_over(name: &str) -> bool {
    name::age(name).is_some_and(|age| age > LEFT_OVER_AFTER)
}

/// A connection string with more parameters, which win over those it has, as libpq and tokio-postgres read it:
/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>. The values need no quotes.
fn with_parameters(url: &str, parameters: &[(&str, &str)]) -> String {
    let mut text = url.to_owned();
    let is_url = url.contains("://");
    for (key, value) in parameters {
        let separator = match () {
            () if !is_url => ' ',
            () if text.contains('?') => '&',
            () => '?',
        };
        write!(text, "{separator}{key}={value}").expect("writing to a string");
    }
    text
}

#[cfg(test)]
mod tests;
