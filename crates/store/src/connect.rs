//! Ways to the database: its address, its pools of connections.

mod reader;

use std::{fmt, future::Future, path::Path, str::FromStr, sync::Arc, time::Duration};

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod};
use tokio::{sync::OnceCell, task::JoinHandle};
use tokio_postgres::{
    CancelToken, Client, Config,
    config::{Host, SslMode},
    error::SqlState,
};

use crate::{
    IngestError, Prefix, QueryError, TagNames, UnknownMails,
    error::sentence,
    sql::{Statement, Statements},
    tls,
};
pub(crate) use reader::Reader;

/// Connections for storing, and as many for reading, at most.
const CONNECTIONS_MAX: usize = 8;

/// Where a server of this machine listens unless it is told otherwise: Debian's and Fedora's place, which is libpq's
/// there.
const SOCKET_FOLDER: &str = "/var/run/postgresql";

/// The port of a server that is not told otherwise.
const PORT_DEFAULT: u16 = 5432;

/// How long to try to reach a server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait for a connection of the pool: longer than any statement may take.
const POOL_WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// When a silent connection is asked for a sign of life, how often, and after how many questions without an answer it
/// is given up. A server whose machine has vanished says nothing, and the system's own patience is two hours.
/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-KEEPALIVES-IDLE>
const KEEPALIVES_IDLE: Duration = Duration::from_mins(1);
const KEEPALIVES_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVES_RETRIES: u32 = 3;

/// How long what was sent may stay without the other machine's receipt; the system's own patience is about a quarter of
/// an hour. <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-TCP-USER-TIMEOUT>
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long storing a batch may take in all. A connection can be dead though the system takes it for alive: a pooler
/// that hangs, a server that was stopped. Longer than `statement_timeout`, so that a slow server speaks first.
const BATCH_TIMEOUT: Duration = Duration::from_secs(75);

/// How long the answer to one question of a reader may take. Longer than the readers' `statement_timeout`, so that a
/// slow server speaks first.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// The oldest PostgreSQL that this program works with, as `server_version_num` spells it.
const SERVER_VERSION_MIN: i32 = 150_000;

/// What storing connections are set to.
///
/// `lock_timeout` below `deadlock_timeout` (1 s): against an application's locks it is ingest that yields.
/// Times travel in binary, JSON and text do not depend on a session's zone. Statements are planned each time they
/// run: a plan that was kept from when the tables were empty reads them whole, ever slower as they grow, until
/// somebody analyses them. Planning costs less than a millisecond. Between two statements of a batch this program only
/// computes, for milliseconds: a session that is silent for longer in the middle of it belongs to a program that has
/// vanished with its machine, and its locks keep others from the same mails. What a batch reads after it has locked its
/// mails has to be what others have committed by then: READ COMMITTED, whatever the role is set to. JSON is compressed by
/// `lz4` where the server was built with it, which takes a fraction of the time of `pglz`; a column that names its own way
/// keeps that. <https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-DEFAULT-TOAST-COMPRESSION>
const WRITER_SETTINGS: &str = "SET lock_timeout = '500ms'; SET statement_timeout = '60s'; \
     SET idle_in_transaction_session_timeout = '10s'; SET plan_cache_mode = 'force_custom_plan'; SET TimeZone = 'UTC'; \
     SET default_transaction_isolation = 'read committed'; \
     SELECT pg_catalog.set_config(name, 'lz4', false) FROM pg_catalog.pg_settings \
     WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)";

/// What reading connections are set to.
///
/// Filters that are absent come as NULL; only a plan made for these very values leaves them out. Compiling a plan takes
/// longer than it saves: figures of 11,000 mails took 0.22 s without, and 0.7 s with it. A server notices at once, and not when it has
/// its answer, that nobody waits for it any more: else pages that were broken off fill it with sessions. Not on Windows, where it can't.
/// <https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-CLIENT-CONNECTION-CHECK-INTERVAL>
const READER_SETTINGS: &str = "SET default_transaction_read_only = on; SET statement_timeout = '10s'; SET jit = off; \
     SET plan_cache_mode = 'force_custom_plan'; SET TimeZone = 'UTC'; \
     SELECT pg_catalog.set_config('client_connection_check_interval', '500ms', false) \
     WHERE pg_catalog.version() ~* 'linux|darwin|bsd'";

/// Where the database is and how to log in there.
#[derive(Clone)]
pub struct DatabaseAddress {
    config: Config,
}

impl DatabaseAddress {
    /// A server's socket folder on this machine, with the user and the database to use.
    pub fn socket(folder: &std::path::Path, port: u16, user: &str, database: &str) -> Self {
        let mut config = Config::new();
        config.host_path(folder).port(port).user(user).dbname(database);
        Self { config: with_defaults(config) }
    }

    /// Asks the server to break off what a session runs. Whoever opened that session may, whatever role it has now.
    pub(crate) async fn cancel(&self, session: &CancelToken) -> Result<(), tokio_postgres::Error> {
        session.cancel_query(tls::connector(self.config.get_ssl_mode())).await
    }

    /// How long a login may take. The driver's own limit is for reaching one machine; who answers there may still be
    /// silent, and there may be several to try.
    fn login_timeout(&self) -> Duration {
        let machines = self.config.get_hosts().len().max(self.config.get_hostaddrs().len());
        let machines = u32::try_from(machines).unwrap_or(u32::MAX);
        let each = self.config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
        each.saturating_mul(machines.saturating_add(1))
    }

    /// Where that is, for people, without the password.
    pub fn place(&self) -> String {
        let hosts: Vec<String> = self
            .config
            .get_hosts()
            .iter()
            .map(|host| match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(folder) => folder.display().to_string(),
            })
            .collect();
        let addresses = self.config.get_hostaddrs().iter().map(ToString::to_string);
        let host = if hosts.is_empty() { addresses.collect::<Vec<_>>().join(",") } else { hosts.join(",") };
        let port = self.config.get_ports().first().copied().unwrap_or(PORT_DEFAULT);
        format!("{host}, port {port}, database {}", self.config.get_dbname().unwrap_or("(the user's own)"))
    }
}

impl fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseAddress({})", self.place())
    }
}

impl FromStr for DatabaseAddress {
    type Err = ConnectError;

    /// Reads a URL (`postgres://user:password@host/database?sslmode=require`) or a list of `key=value`.
    /// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>
    fn from_str(text: &str) -> Result<Self, ConnectError> {
        match text.split_once("://") {
            Some(("postgres" | "postgresql", _)) => {}
            Some((scheme, _))
                if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) =>
            {
                return Err(ConnectError::Address(format!("it begins with {scheme}://")));
            }
            _ if !text.contains('=') => {
                return Err(ConnectError::Address("it does not begin with postgres://".to_owned()));
            }
            _ => {}
        }
        // `require` checks what these two ask for (see `tls`); the driver does not know their names.
        let known = text
            .replace("sslmode=verify-full", "sslmode=require")
            .replace("sslmode=verify-ca", "sslmode=require");
        let config: Config = known.parse().map_err(|error: tokio_postgres::Error| {
            // The driver's message names the key, never a value.
            ConnectError::Address(
                std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string),
            )
        })?;
        Ok(Self { config: with_defaults(config) })
    }
}

/// What the address leaves open, as libpq fills it in: the server's socket where there is one, else this machine.
/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-HOST>
fn with_defaults(mut config: Config) -> Config {
    if config.get_application_name().is_none() {
        config.application_name("aftersend");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    config.keepalives_idle(KEEPALIVES_IDLE);
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(KEEPALIVES_INTERVAL);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(KEEPALIVES_RETRIES);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(TCP_USER_TIMEOUT);
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        let port = config.get_ports().first().copied().unwrap_or(PORT_DEFAULT);
        let has_socket = Path::new(SOCKET_FOLDER).join(format!(".s.PGSQL.{port}")).exists();
        config.host(if has_socket { SOCKET_FOLDER } else { "localhost" });
    }
    // On a socket there is nobody between, and PostgreSQL speaks no TLS there: libpq leaves sslmode alone.
    if !config.get_hosts().is_empty() && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) {
        config.ssl_mode(SslMode::Disable);
    }
    // Without a user the driver takes the name of this program's own, and the server that of the user for a
    // database: as libpq has it.
    config
}

/// Why there is no way to the database.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address can't be read.
    #[error("the database URL can't be read: {0}. It looks like postgres://user:password@host:5432/database")]
    Address(String),
    /// Nobody answers.
    #[error(
        "no PostgreSQL server answers at {place}: {reason}. Start it (on Debian: `systemctl start postgresql`), \
         correct the URL, or leave it out: Aftersend then runs a private server of its own"
    )]
    Unreachable {
        /// The server's address.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// The host's name leads nowhere.
    #[error(
        "no such host is known: {place}: {reason}. Correct the name in the URL, or see whether this machine's DNS works"
    )]
    NoHost {
        /// The server's address.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// The server does not let us in.
    #[error(
        "the server at {place} refuses the login: {reason}. Check user and password in the URL, and pg_hba.conf"
    )]
    Login {
        /// The server's address.
        place: String,
        /// What the server said.
        reason: String,
    },
    /// The server does not speak TLS, or its certificate is not to be trusted.
    #[error(
        "the server at {place} and sslmode in the URL don't agree: {reason}. `require` wants a certificate that this \
         machine's authorities vouch for (SSL_CERT_FILE names others); `prefer` takes any, `disable` none"
    )]
    Tls {
        /// The server's address.
        place: String,
        /// What went wrong.
        reason: String,
    },
    /// There is no such database.
    #[error("the server at {place} has no such database; make it with `createdb`, or correct the URL")]
    NoDatabase {
        /// The server's address.
        place: String,
    },
    /// The server can take no more connections.
    #[error("the server at {place} has no connection left; raise its max_connections or close others")]
    Full {
        /// The server's address.
        place: String,
    },
    /// The server is older than this program can use.
    #[error("the server at {place} is PostgreSQL {found}; Aftersend needs 15 or newer: upgrade the server")]
    TooOld {
        /// The server's address.
        place: String,
        /// The server's version.
        found: String,
    },
}

/// One connection of its own, outside the pools: for schema steps, which hold a lock by their session.
pub struct Connection {
    pub(crate) client: Client,
    pub(crate) place: String,
    // The task that moves the bytes. It ends with the connection, and must not outlive it.
    driver: JoinHandle<()>,
}

impl Connection {
    /// Connects, and checks that the server is one this program can use.
    ///
    /// # Errors
    ///
    /// A [`ConnectError`] that says what to do.
    pub async fn open(address: &DatabaseAddress) -> Result<Self, ConnectError> {
        let place = address.place();
        let tls = tls::connector(address.config.get_ssl_mode());
        let timeout = address.login_timeout();
        let opening = async {
            let connected = address.config.connect(tls).await;
            let (client, connection) = connected.map_err(|error| explain(&error, place.clone()))?;
            let driver = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(error = sentence(&error), "the connection to the database ended");
                }
            });
            let connection = Self { client, place: place.clone(), driver };
            connection.require_version().await?;
            Ok(connection)
        };
        tokio::time::timeout(timeout, opening).await.unwrap_or_else(|_| {
            let reason = format!("it does not speak within {} s", timeout.as_secs());
            Err(ConnectError::Unreachable { place: place.clone(), reason })
        })
    }

    async fn require_version(&self) -> Result<(), ConnectError> {
        // In one message, and not prepared by name: a pooler may give the next message another session, and what is
        // to be said about that is for the caller to find out.
        let row = self
            .client
            .query_typed_one(
                "SELECT current_setting('server_version_num')::int, current_setting('server_version')",
                &[],
            )
            .await
            .map_err(|error| explain(&error, self.place.clone()))?;
        if row.get::<_, i32>(0) < SERVER_VERSION_MIN {
            return Err(ConnectError::TooOld { place: self.place.clone(), found: row.get(1) });
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The store: the tables of one prefix in one database. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Store {
    writers: Pool,
    readers: Pool,
    statements: Arc<Statements>,
    prefix: Prefix,
    pub(crate) tag_names: Arc<TagNames>,
    pub(crate) unknown_mails: UnknownMails,
    /// Whether step 136 made the tables, once somebody has asked.
    pub(crate) made_by_us: Arc<OnceCell<bool>>,
    /// For each transaction that stores or joins.
    pub(crate) batch_timeout: Duration,
    /// For each question of a reader.
    pub(crate) answer_timeout: Duration,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.prefix)
    }
}

impl Store {
    /// Opens the store, with the default rule for unknown mails. The schema is not looked at: [`Store::require_schema`](crate::Store::require_schema) does that.
    ///
    /// # Errors
    ///
    /// A [`ConnectError`] that says what to do.
    pub async fn open(
        address: &DatabaseAddress,
        prefix: Prefix,
        tag_names: TagNames,
    ) -> Result<Self, ConnectError> {
        // A connection of its own first: what is wrong shows here, in a sentence, and not later in a pool.
        drop(Connection::open(address).await?);
        Ok(Self {
            writers: pool(address, WRITER_SETTINGS),
            readers: pool(address, READER_SETTINGS),
            statements: Arc::new(Statements::new(&prefix)),
            prefix,
            tag_names: Arc::new(tag_names),
            unknown_mails: UnknownMails::default(),
            made_by_us: Arc::default(),
            batch_timeout: BATCH_TIMEOUT,
            answer_timeout: ANSWER_TIMEOUT,
        })
    }

    /// The Postgres schema that holds the tables.
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    pub(crate) fn sql(&self, statement: Statement) -> &str {
        self.statements.get(statement)
    }

    pub(crate) async fn writer(&self) -> Result<Object, PoolError> {
        self.writers.get().await
    }

    /// Has new connections made for storing: to the server that is the primary now, with the settings that the
    /// database has now.
    pub(crate) fn renew_writers(&self) {
        self.writers.retain(|_, _| false);
    }

    pub(crate) async fn reader(&self) -> Result<Reader, QueryError> {
        Reader::of(&self.readers, self.answer_timeout).await
    }

    /// Gives a change that somebody asked for its time: a server that has fallen silent must not hold the connections that
    /// events are stored by.
    pub(crate) async fn changed_in_time<T>(
        &self,
        change: impl Future<Output = Result<T, QueryError>>,
    ) -> Result<T, QueryError> {
        tokio::time::timeout(self.answer_timeout, change).await.unwrap_or_else(|_| {
            self.renew_writers();
            let seconds = self.answer_timeout.as_secs_f32();
            Err(QueryError::Unreachable(format!("nothing came back within {seconds} s")))
        })
    }

    /// Gives a transaction that stores, or whatever else a writer does, its time. Cancel-safe if the transaction is.
    pub(crate) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, IngestError>>,
    ) -> Result<T, IngestError> {
        tokio::time::timeout(self.batch_timeout, work).await.unwrap_or_else(|_| {
            let seconds = self.batch_timeout.as_secs_f32();
            Err(IngestError::Away(format!("it did not answer within {seconds} s")))
        })
    }
}

fn pool(address: &DatabaseAddress, settings: &'static str) -> Pool {
    let timeout = address.login_timeout();
    let manager = Manager::from_config(
        address.config.clone(),
        tls::connector(address.config.get_ssl_mode()),
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    Pool::builder(manager)
        .max_size(CONNECTIONS_MAX)
        .runtime(deadpool_postgres::Runtime::Tokio1)
        .wait_timeout(Some(POOL_WAIT_TIMEOUT))
        .create_timeout(Some(timeout))
        .post_create(Hook::async_fn(move |client, _| {
            Box::pin(async move {
                // The pool's own limit is over with the login.
                match tokio::time::timeout(timeout, client.batch_execute(settings)).await {
                    Ok(set) => set.map_err(HookError::Backend),
                    Err(_) => Err(HookError::message("it fell silent after the login")),
                }
            })
        }))
        .build()
        .expect("a pool with time limits has a runtime")
}

/// Sorts a failed attempt by what a person can do about it.
fn explain(error: &tokio_postgres::Error, place: String) -> ConnectError {
    let reason = sentence(error);
    match error.code() {
        Some(&SqlState::INVALID_CATALOG_NAME) => ConnectError::NoDatabase { place },
        Some(&SqlState::TOO_MANY_CONNECTIONS) => ConnectError::Full { place },
        Some(state) if state.code().starts_with("28") => ConnectError::Login { place, reason },
        _ if reason.starts_with("error performing TLS handshake") => ConnectError::Tls { place, reason },
        _ if reason.contains("password") => ConnectError::Login { place, reason },
        // The standard library tells it by its message alone.
        _ if reason.contains("failed to lookup address information") => {
            ConnectError::NoHost { place, reason }
        }
        _ => ConnectError::Unreachable { place, reason },
    }
}

#[cfg(test)]
mod tests;
