//! Brings the server process up and down, by `pg_ctl`.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::error::{StartError, StopError};
use crate::find::Installation;
use crate::log;
use crate::place::{LOG, POSTGRES_DIR, Place};
use crate::postmaster::{Postmaster, State, any_process, look, pid_file};
use crate::share::{Lock, STOP_WAIT, poll_until};
use crate::socket::{self, PORT};
use crate::tool::{output_end, shell_quoted};

/// How long the server is given to take connections. After a crash it replays its log first, which can take minutes.
const START_WAIT: Duration = Duration::from_mins(5);

/// After this time of starting a person is told what takes so long.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// How long the processes of a server whose first process was killed are waited for. They end when they notice.
const DYING_WAIT: Duration = Duration::from_secs(10);

/// What PostgreSQL says when such processes are still there.
const STILL_DYING: &str = "pre-existing shared memory block";

/// Sees to it that the server runs, and says where its socket is. `socket_dir` is where the caller wants it to be, if anywhere.
pub(crate) fn ensure_running(
    place: &Place,
    installation: &Installation,
    socket_dir: Option<&Path>,
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
            stop(place, installation).map_err(|error| StartError::NotLeaving { said: error.to_string() })?;
        }
        Some(State::Doubtful(postmaster)) => forget(place, &postmaster)?,
        Some(State::Starting) | None => return Err(not_ready(place, 0, "it is still starting".into())),
    }
    let socket_dir = socket::prepare(place, socket_dir)?;
    let deadline = Instant::now() + DYING_WAIT;
    loop {
        match start(place, installation, &socket_dir, entered, user) {
            Err(StartError::Failed { log_end, .. })
                if log_end.contains(STILL_DYING) && Instant::now() < deadline => {}
            started => return started.map(|()| socket_dir),
        }
    }
}

/// Removes the traces of a server that died with the machine, where the number in them is by now another process's (or a
/// zombie's): PostgreSQL would refuse to start. They may go only when no process at all works on the data.
fn forget(place: &Place, postmaster: &Postmaster) -> Result<(), StartError> {
    let (file, pid) = (pid_file(place), postmaster.pid);
    let gone = poll_until(DYING_WAIT, || Ok((any_process(place) == Some(false)).then_some(())))?;
    if gone.is_none() {
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

fn start(
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
    let (began, log_bytes) = (Instant::now(), log::length(place));
    let mut child = command.spawn().map_err(StartError::io("run pg_ctl on", &folder))?;
    wait_with_word(&mut child, began, place).map_err(StartError::io("wait for pg_ctl on", &folder))?;
    let output = child.wait_with_output().map_err(StartError::io("wait for pg_ctl on", &folder))?;
    if !output.status.success() {
        let said = output_end(&output.stderr);
        if began.elapsed() >= START_WAIT {
            return Err(not_ready(place, log_bytes, said));
        }
        let log_end = log::end_since(place, log_bytes);
        return Err(StartError::Failed { folder, said, log: place.log(), log_end });
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

/// Stops the server and waits until it is gone.
pub(crate) fn stop(place: &Place, installation: &Installation) -> Result<(), StopError> {
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

fn not_ready(place: &Place, log_bytes: u64, said: String) -> StartError {
    let log_end = log::end_since(place, log_bytes);
    let waited_seconds = START_WAIT.as_secs();
    StartError::NotReady { folder: place.postgres_dir(), waited_seconds, said, log: place.log(), log_end }
}
