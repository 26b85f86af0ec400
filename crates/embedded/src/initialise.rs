//! Makes a new data folder: `initdb`, the settings that people may change, and the database.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::StartError;
use crate::find::Installation;
use crate::place::Place;
use crate::server::{DATABASE, USER};
use crate::share::Lock;
use crate::tool::output_end;

/// Settings for the end of `postgresql.conf`, which people may change there. What must hold is given at every start instead.
const CONF: &str = "
# Defaults for Aftersend. What it depends on (no TCP, fsync, no addresses in the log) is given at every start and wins.
max_connections = 100
# Notices within a second that a client is gone, and ends what it was running.
client_connection_check_interval = '1s'
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
";

/// Runs a program that holds the lock as its descriptor 3 and says nothing on its standard output. By a shell, because the
/// standard library can't hand on a fourth descriptor.
///
/// No standard stream would do: `initdb` gives its backends a pipe and /dev/null for theirs, but leaves the others open. So
/// they hold the lock, too, and it is free only when the last of them has ended, whoever was killed.
const HOLDING: &str = r#"exec "$@" 3>&1 >/dev/null"#;

/// The major version that wrote the server's data folder, or `None` if there is no such folder.
pub(crate) fn written_by(place: &Place) -> Result<Option<u32>, StartError> {
    let folder = place.postgres_dir();
    match fs::read_to_string(folder.join("PG_VERSION")) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| StartError::ForeignFolder { folder }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::symlink_metadata(&folder) {
            Ok(_) => Err(StartError::ForeignFolder { folder }),
            Err(_) => Ok(None),
        },
        Err(error) => Err(StartError::io("read", &folder.join("PG_VERSION"))(error)),
    }
}

/// Makes the server's data folder under another name and renames it when it is whole, so that a kill leaves none or all.
/// Every process that works on it holds `entered`, so that after a kill of this program, or of `initdb`, a newcomer waits
/// until none of them is left that could write to the folder while it is being removed.
pub(crate) fn initialise(
    place: &Place,
    installation: &Installation,
    entered: &Lock,
) -> Result<(), StartError> {
    let folder = place.postgres_dir();
    let new = folder.with_extension("new");
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StartError::io("remove what a killed start left, the folder", &new)(error));
        }
        _ => {}
    }
    tracing::info!(folder = %folder.display(), major = installation.major, "making a new database");
    if let Err(error) = make(place, installation, entered, &new) {
        // On a full disk the half would take the room that a person makes. What stays is removed by the next start.
        if let Err(error) = fs::remove_dir_all(&new) {
            tracing::debug!(%error, folder = %new.display(), "a half-made folder stays");
        }
        return Err(error);
    }
    fs::rename(&new, &folder).map_err(StartError::io("rename to its final name the folder", &new))?;
    let parent = place.data_dir();
    File::open(parent)
        .and_then(|parent| parent.sync_all())
        .map_err(StartError::io("write to disk the folder", parent))
}

fn make(place: &Place, installation: &Installation, entered: &Lock, new: &Path) -> Result<(), StartError> {
    place.make_private_dir(new).map_err(StartError::io("create the folder", new))?;
    run_initdb(place, installation, entered, new)?;
    append_conf(new)?;
    create_database(place, installation, entered, new)?;
    // Written to disk once, here, instead of by every step: until the renaming nothing depends on it.
    run(initdb(place, installation, entered, new)?.arg("--sync-only"), new)
}

fn run_initdb(
    place: &Place,
    installation: &Installation,
    entered: &Lock,
    new: &Path,
) -> Result<(), StartError> {
    let with_locale = |locale| -> Result<(), StartError> {
        let mut command = initdb(place, installation, entered, new)?;
        // `trust`: whoever can open the socket may do everything. The socket lies in a folder that only the server's account
        // (and root) may enter, so this grants what the folder's permissions already grant: access to all of the data.
        command.args(["--auth-local=trust", "--auth-host=reject", "--username", USER, locale]);
        command.args(["--encoding=UTF8", "--data-checksums", "--no-instructions", "--no-sync"]);
        run(&mut command, new)
    };
    // lower() and the trigrams' idea of a letter come from the locale; C knows ASCII only.
    match with_locale("--locale=C.UTF-8") {
        Err(StartError::Tool { output, .. }) if output.contains("locale") => {
            tracing::warn!(
                "this system has no locale C.UTF-8: a search will tell É from é, though not E from e"
            );
            with_locale("--no-locale")
        }
        made => made,
    }
}

fn initdb(
    place: &Place,
    installation: &Installation,
    entered: &Lock,
    new: &Path,
) -> Result<Command, StartError> {
    let mut command = holding(place, &installation.program("initdb"), entered, new)?;
    command.arg("-D").arg(new);
    Ok(command)
}

/// A command for work on the new folder, which holds the lock; see [`HOLDING`].
fn holding(place: &Place, program: &Path, entered: &Lock, new: &Path) -> Result<Command, StartError> {
    let lock = entered.stdio().map_err(StartError::io("hand on a lock for", new))?;
    let mut command = place.command(Path::new("sh"));
    command.args(["-c", HOLDING, "aftersend-initialise"]).arg(program);
    command.stdin(Stdio::null()).stdout(lock).stderr(Stdio::piped());
    Ok(command)
}

fn append_conf(new: &Path) -> Result<(), StartError> {
    let path = new.join("postgresql.conf");
    let append = || {
        let mut file = OpenOptions::new().append(true).open(&path)?;
        file.write_all(CONF.as_bytes())?;
        file.sync_all()
    };
    append().map_err(StartError::io("write to", &path))
}

/// Creates the database in single-user mode, which needs no running server.
/// <https://www.postgresql.org/docs/current/app-postgres.html#APP-POSTGRES-SINGLE-USER>
fn create_database(
    place: &Place,
    installation: &Installation,
    entered: &Lock,
    new: &Path,
) -> Result<(), StartError> {
    let failed = |output| StartError::Tool { tool: "creating the database", folder: new.to_owned(), output };
    let mut command = holding(place, &installation.program("postgres"), entered, new)?;
    command.args(["--single", "-c", "exit_on_error=on", "-c", "fsync=off", "-D"]).arg(new).arg("postgres");
    command.stdin(Stdio::piped());
    let mut child = command.spawn().map_err(StartError::io("run `postgres --single` on", new))?;
    // Taken out, so that it is closed after the statement, which ends the server.
    let written = match child.stdin.take() {
        Some(mut stdin) => stdin.write_all(format!("CREATE DATABASE {DATABASE}\n").as_bytes()),
        None => Ok(()),
    };
    let output = child.wait_with_output().map_err(StartError::io("wait for `postgres --single` on", new))?;
    if !output.status.success() {
        return Err(failed(output_end(&output.stderr)));
    }
    written.map_err(|error| failed(error.to_string()))
}

fn run(initdb: &mut Command, new: &Path) -> Result<(), StartError> {
    let output = initdb.output().map_err(StartError::io("run initdb on", new))?;
    if output.status.success() {
        return Ok(());
    }
    Err(StartError::Tool { tool: "initdb", folder: new.to_owned(), output: output_end(&output.stderr) })
}
