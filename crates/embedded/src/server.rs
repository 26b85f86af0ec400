//! Starting, joining and leaving the server.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::error::{StartError, StopError};
use crate::find::{Installation, Installations};
use crate::initialise::{initialise, written_by};
use crate::place::Place;
use crate::postmaster::{State, look};
use crate::share::{Left, Lock, Share};
use crate::socket::{self, PORT};
use crate::tool::shell_quoted;
use crate::{log, run};

/// The superuser, whom the program works as.
pub(crate) const USER: &str = "aftersend";
/// The database.
pub(crate) const DATABASE: &str = "aftersend";

/// Where the embedded database lies and what runs it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of everything: the server's data, its log and the lock files. Made if need be.
    pub data_dir: PathBuf,
    /// Where to look for the server's programs.
    pub installations: Installations,
    /// The folder for the server's socket, which must be short, or `None` for the usual one. Programs that join a
    /// running server use the one it was started with.
    pub socket_dir: Option<PathBuf>,
}

/// The use of an embedded server. It ends with [`Server::stop`], or with a drop, which can't tell of failures.
#[derive(Debug)]
pub struct Server {
    place: Place,
    installation: Installation,
    connection: Connection,
    /// `None` once left.
    user: Option<Lock>,
}

/// How to connect to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The folder of the server's Unix socket: what libpq and tokio-postgres take as the host.
    pub socket_dir: PathBuf,
    /// The port, which is a part of the socket's name.
    pub port: u16,
    /// The user, a superuser without a password: only who may enter the folder gets this far.
    pub user: &'static str,
    /// The database.
    pub database: &'static str,
    pub(crate) psql: PathBuf,
}

impl Options {
    /// The usual options for a data folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let installations = Installations::on_this_machine();
        Self { data_dir: data_dir.into(), installations, socket_dir: None }
    }

    /// `/var/lib/aftersend` for root, else `$XDG_DATA_HOME/aftersend`, else `~/.local/share/aftersend`.
    /// <https://specifications.freedesktop.org/basedir-spec/latest/>
    ///
    /// # Errors
    /// If this is not root and neither `XDG_DATA_HOME` nor `HOME` is set.
    pub fn default_data_dir() -> Result<PathBuf, StartError> {
        if rustix::process::geteuid().is_root() {
            return Ok("/var/lib/aftersend".into());
        }
        let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
        let data_home = folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")));
        Ok(data_home.ok_or(StartError::NoHome)?.join("aftersend"))
    }
}

impl Options {
    /// Whether the folder holds a database already. Looks, and makes nothing.
    pub fn has_data(&self) -> bool {
        self.data_dir.join(crate::place::POSTGRES_DIR).join("PG_VERSION").exists()
    }
}

impl Server {
    /// Joins the server of this data folder, or starts it; a new folder gets a new, empty database.
    ///
    /// Blocks until the server takes connections: about a fifth of a second, some seconds for a new folder, minutes after a
    /// crash with much to replay.
    ///
    /// # Errors
    /// [`StartError`] says what to do in each case. Nothing stays running.
    pub fn start(options: &Options) -> Result<Self, StartError> {
        let place = Place::prepare(&options.data_dir)?;
        let share = Share::new(&place);
        let entered = share.enter()?;
        let written_by = written_by(&place)?;
        let installation = options.installations.choose(&place.postgres_dir(), written_by)?;
        if let Some(account) = place.drop_to() {
            let advice = "move the programs to a folder that everyone may enter, or open it with `chmod o+x`";
            account.check_way_to(installation.bin(), advice)?;
        }
        if written_by.is_none() {
            installation.check_trigrams()?;
            initialise(&place, &installation, &entered)?;
        }
        let user = share.join()?;
        log::trim(&place)?;
        // Before the start, so that at no time a kill of this program leaves a server that nobody will stop.
        share.ensure_keeper(&installation.program("pg_ctl"), &place.postgres_dir())?;
        match run::ensure_running(&place, &installation, options.socket_dir.as_deref(), &entered, &user) {
            Ok(socket_dir) => {
                entered.release();
                // Without one beside the server, the one on the reader's PATH is as good.
                let psql = Some(installation.program("psql")).filter(|psql| psql.is_file());
                let psql = psql.unwrap_or_else(|| "psql".into());
                let connection = Connection { socket_dir, port: PORT, user: USER, database: DATABASE, psql };
                Ok(Self { place, installation, connection, user: Some(user) })
            }
            Err(error) => {
                if let Err(error) = leave(&place, &installation, user) {
                    tracing::warn!(%error, "the database server that did not start was not stopped in order");
                }
                Err(error)
            }
        }
    }

    /// How to connect.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Leaves the server. Was this its last user, then it has stopped when this returns.
    ///
    /// # Errors
    /// If it did not stop in time. The data is safe in every case, and the server's keeper stops it later.
    pub fn stop(mut self) -> Result<(), StopError> {
        self.leave()
    }

    fn leave(&mut self) -> Result<(), StopError> {
        let Some(user) = self.user.take() else { return Ok(()) };
        let entered = Share::new(&self.place).enter().map_err(StopError::Lock)?;
        if leave(&self.place, &self.installation, user)? {
            socket::tidy(&self.place, &self.connection.socket_dir);
        }
        entered.release();
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.leave() {
            tracing::warn!(%error, "the embedded database server was not left in order");
        }
    }
}

impl Connection {
    /// The connection as a URL for libpq and everything that is built on it.
    /// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>
    pub fn url(&self) -> String {
        let host: String =
            self.socket_dir.as_os_str().as_bytes().iter().map(|byte| url_byte(*byte)).collect();
        format!("postgresql:///{}?host={host}&user={}", self.database, self.user)
    }

    /// A command line that opens this database in `psql`, for people.
    pub fn psql(&self) -> String {
        let quoted = |path: &Path| shell_quoted(&path.to_string_lossy());
        format!("{} -h {} -U {} {}", quoted(&self.psql), quoted(&self.socket_dir), self.user, self.database)
    }
}

/// Gives up the use of the server and stops it if nobody else uses it, which it tells. The caller has entered.
fn leave(place: &Place, installation: &Installation, user: Lock) -> Result<bool, StopError> {
    let share = Share::new(place);
    let Left::Alone(alone) = share.leave(user).map_err(StopError::Lock)? else { return Ok(false) };
    if !matches!(look(place).map_err(StopError::Lock)?, State::Stopped | State::Doubtful(_)) {
        run::stop(place, installation)?;
    }
    alone.release();
    share.await_keeper_end();
    Ok(true)
}

fn url_byte(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    }
}
