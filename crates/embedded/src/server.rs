//! Starting, joining and leaving the server.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::error::{StartError, StopError};
use crate::find::{Installation, Installations};
use crate::initialise::{initialise, written_by};
use crate::place::{FileOwner, LOG, POSTGRES_DIR, Place};
use crate::postmaster::{Postmaster, State, any_process, look, pid_file};
use crate::share::{Left, Lock, STOP_WAIT, Share, poll_until};
use crate::socket::{self, PORT};
use crate::tool::{output_end, shell_quoted};

/// The superuser, whom the program works as.
pub(crate) const USER: &str = "aftersend";
/// The database.
pub(crate) const DATABASE: &str = "aftersend";

/// How long the server is given to take connections. After a crash it replays its log first, which can take minutes.
const START_WAIT: Duration = Duration::from_mins(5);

/// After this time of starting a person is told what takes so long.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// A log that is longer than this when a program starts or joins the server is emptied.
pub(crate) const LOG_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// How much of the log's end an error shows.
const LOG_END_BYTES_MAX: u64 = 2048;

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
        trim_log(&place)?;
        // Before the start, so that at no time a kill of this program leaves a server that nobody will stop.
        share.ensure_keeper(&installation.program("pg_ctl"), &place.postgres_dir())?;
        let socket_dir = running(&place, &installation, options, &entered, &user)?;
        entered.release();
        let psql = installation.program("psql");
        let connection = Connection { socket_dir, port: PORT, user: USER, database: DATABASE, psql };
        Ok(Self { place, installation, connection, user: Some(user) })
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
        let share = Share::new(&self.place);
        let entered = share.enter().map_err(StopError::Lock)?;
        if let Left::Alone(alone) = share.leave(user).map_err(StopError::Lock)? {
            if !matches!(look(&self.place).map_err(StopError::Lock)?, State::Stopped | State::Doubtful(_)) {
                stop_server(&self.place, &self.installation)?;
            }
            alone.release();
            share.await_keeper_end();
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

fn url_byte(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    }
}

/// Sees to it that the server runs, and says where its socket is.
fn running(
    place: &Place,
    installation: &Installation,
    options: &Options,
    entered: &Lock,
    user: &Lock,
) -> Result<PathBuf, StartError> {
    let state = poll_until(START_WAIT, || {
        let state = look(place)?;
        Ok(if matches!(state, State::Starting) { None } else { Some(state) })
    })?;
    match state {
        Some(State::Ready(postmaster)) => return Ok(postmaster.socket_dir),
        Some(State::Stopped) => {}
        Some(State::Leaving) => {
            let refused = |error: StopError| not_ready(place, START_WAIT, error.to_string());
            stop_server(place, installation).map_err(refused)?;
        }
        Some(State::Doubtful(postmaster)) => forget(place, &postmaster)?,
        Some(State::Starting) | None => return Err(not_ready(place, START_WAIT, "still starting".into())),
    }
    let socket_dir = socket::prepare(place, options.socket_dir.as_deref())?;
    start_server(place, installation, &socket_dir, entered, user)?;
    Ok(socket_dir)
}

/// Removes the traces of a server that died with the machine, where the number in them is by now another process's (or a
/// zombie's): PostgreSQL would refuse to start. They may go only when no process at all works on the data.
fn forget(place: &Place, postmaster: &Postmaster) -> Result<(), StartError> {
    let (file, pid) = (pid_file(place), postmaster.pid);
    if any_process(place) != Some(false) {
        return Err(StartError::Unreachable { file, pid });
    }
    tracing::warn!(
        pid,
        "removing postmaster.pid: its server died, and the process of that number is another one"
    );
    fs::remove_file(&file).map_err(StartError::io("remove", &file))?;
    let lock = socket::lock_path(&postmaster.socket_dir, postmaster.port);
    // In its second line the lock names the data it belongs to; another server's is not touched.
    let ours = fs::read(&lock).is_ok_and(|text| {
        text.split(|byte| *byte == b'\n').nth(1) == Some(place.postgres_dir().as_os_str().as_bytes())
    });
    if ours { fs::remove_file(&lock).map_err(StartError::io("remove", &lock)) } else { Ok(()) }
}

/// Settings that must hold, given on the command line because that wins over every file.
/// <https://www.postgresql.org/docs/current/runtime-config.html>
fn settings(socket_dir: &Path) -> String {
    // The setting is a list: quoted, a path may hold commas and blanks.
    let sockets = format!("\"{}\"", socket_dir.to_string_lossy().replace('"', "\"\""));
    let port = PORT.to_string();
    let settings = [
        ("cluster_name", "aftersend"),
        ("listen_addresses", ""),
        ("port", &port),
        ("unix_socket_directories", &sockets),
        ("unix_socket_permissions", "0700"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        // No address or body may reach the log. DETAIL lines hold key values ("Key (email)=(…) already exists"), statements
        // hold everything, and even the message itself can hold a value ("invalid input syntax …"): errors go to the
        // client, who can judge them, and the log keeps what concerns the server.
        ("log_error_verbosity", "terse"),
        ("log_min_error_statement", "panic"),
        ("log_min_messages", "log"),
        ("log_statement", "none"),
        ("log_min_duration_statement", "-1"),
        ("log_destination", "stderr"),
        ("logging_collector", "off"),
    ];
    let words = settings.map(|(name, value)| format!("-c {}", shell_quoted(&format!("{name}={value}"))));
    words.join(" ")
}

fn start_server(
    place: &Place,
    installation: &Installation,
    socket_dir: &Path,
    entered: &Lock,
    user: &Lock,
) -> Result<(), StartError> {
    let folder = place.postgres_dir();
    let handing = || StartError::io("hand a lock to pg_ctl for", &folder);
    let mut command = place.command(&installation.program("pg_ctl"));
    command
        .args(["start", "-s", "-w", "-t"])
        .arg(START_WAIT.as_secs().to_string())
        .arg("-o")
        .arg(settings(socket_dir));
    // By names alone, from the folder they lie in: pg_ctl puts them into a shell's line, and quotes them too little for a
    // path with a `$` or a quote in it.
    command.args(["-D", POSTGRES_DIR, "-l", LOG]).current_dir(place.data_dir());
    // While it starts the server, pg_ctl counts as a user: were this program killed now, the keeper would otherwise find no
    // server yet and go. Both streams are free (it is silent, and reads nothing), and the server inherits neither.
    command.stdin(entered.stdio().map_err(handing())?).stdout(user.stdio().map_err(handing())?);
    command.stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn().map_err(StartError::io("run pg_ctl on", &folder))?;
    wait_with_word(&mut child, began, place).map_err(StartError::io("wait for pg_ctl on", &folder))?;
    let output = child.wait_with_output().map_err(StartError::io("wait for pg_ctl on", &folder))?;
    if !output.status.success() {
        return Err(not_ready(place, began.elapsed(), output_end(&output.stderr)));
    }
    tracing::debug!(folder = %folder.display(), major = installation.major, "started PostgreSQL");
    Ok(())
}

/// Waits for the starting program, and says what takes so long when it does.
fn wait_with_word(child: &mut Child, began: Instant, place: &Place) -> std::io::Result<()> {
    let waited = poll_until(START_PATIENCE, || child.try_wait())?;
    if waited.is_none() {
        tracing::warn!(
            log = %place.log().display(),
            "the database server has been starting for {} s: after a crash it replays what it had not yet written",
            began.elapsed().as_secs()
        );
        child.wait()?;
    }
    Ok(())
}

fn stop_server(place: &Place, installation: &Installation) -> Result<(), StopError> {
    let folder = place.postgres_dir();
    let mut command = place.command(&installation.program("pg_ctl"));
    // Fast: it ends sessions instead of waiting for them, rolls back what they had open, and writes a checkpoint.
    command
        .args(["stop", "-s", "-w", "-m", "fast", "-t"])
        .arg(STOP_WAIT.as_secs().to_string())
        .arg("-D")
        .arg(&folder);
    let said = match command.output() {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => output_end(&output.stderr),
        Err(error) => error.to_string(),
    };
    // It may have ended by itself between the look and the stop.
    if matches!(look(place), Ok(State::Stopped)) {
        return Ok(());
    }
    Err(StopError::Stays { folder, output: said })
}

/// Makes the log, which the server's account could not in root's folder, and empties one that is too long. The server
/// appends, so this may happen under it.
fn trim_log(place: &Place) -> Result<(), StartError> {
    let log = place.log();
    let trim = || {
        let file = place.open_file(&log, FileOwner::Server)?;
        if file.metadata()?.len() > LOG_BYTES_MAX { file.set_len(0) } else { Ok(()) }
    };
    trim().map_err(StartError::io("open the log", &log))
}

fn not_ready(place: &Place, waited: Duration, said: String) -> StartError {
    let log = place.log();
    let log_end = read_end(&log).unwrap_or_else(|error| format!("(can't be read: {error})"));
    StartError::NotReady {
        folder: place.postgres_dir(),
        waited_seconds: waited.as_secs(),
        said,
        log,
        log_end,
    }
}

fn read_end(file: &Path) -> std::io::Result<String> {
    let mut file = fs::File::open(file)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_END_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.take(LOG_END_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))
}
