//! What can go wrong, as a person reads it: what failed, on what, and what to do now.

use std::io;
use std::path::{Path, PathBuf};

/// Why the embedded server could not be started or joined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Neither `XDG_DATA_HOME` nor `HOME` says where data belongs.
    #[error(
        "neither XDG_DATA_HOME nor HOME is set, so there is no place for the data: give one with --data-dir"
    )]
    NoHome,

    /// Run as root, and there is no account to drop to. PostgreSQL refuses to run as root.
    #[error(
        "PostgreSQL does not run as root, and /etc/passwd has neither a user `postgres` nor `nobody` to run it as: \
         install PostgreSQL from the system's packages, which creates one, or run as an ordinary user"
    )]
    NoAccount,

    /// No server binaries were found.
    #[error(
        "no PostgreSQL server was found (searched: {searched}). Install one: {fix}. \
         Or name the folder of its programs in AFTERSEND_POSTGRES_BIN, or use a server of your own with --database-url"
    )]
    NoInstallation {
        /// The folders that were searched, for people.
        searched: String,
        /// The command that installs a server on this system.
        fix: &'static str,
    },

    /// The only server binaries found are of versions that this program does not run.
    #[error(
        "PostgreSQL {found} is installed, but {min} to {max} is needed. Install one of these: {fix}. \
         Or use a server of your own with --database-url",
        min = crate::MAJOR_MIN, max = crate::MAJOR_MAX
    )]
    UnsupportedMajor {
        /// The major versions found, for people.
        found: String,
        /// The command that installs a server on this system.
        fix: &'static str,
    },

    /// The data folder belongs to a major version that is not installed.
    #[error(
        "the data in {folder} was written by PostgreSQL {major}, and installed is {installed}. Three ways out: \
         install PostgreSQL {major} beside it; or keep the folder as it is and start a new one with another --data-dir; \
         or dump it where PostgreSQL {major} still runs (pg_dump) and restore it into a new --data-dir", folder = folder.display()
    )]
    OtherMajor {
        /// The server's data folder.
        folder: PathBuf,
        /// The major version in its `PG_VERSION`.
        major: u32,
        /// The major versions installed, for people.
        installed: String,
    },

    /// The server is installed without the extension for substring search.
    #[error("PostgreSQL {major} is installed without its extension pg_trgm (no {}): {fix}", control.display())]
    NoTrigrams {
        /// The major version.
        major: u32,
        /// The file that the extension would have.
        control: PathBuf,
        /// The command that installs it on this system.
        fix: &'static str,
    },

    /// The user that the server runs as may not enter a folder on the way.
    #[error(
        "the server runs as user `{user}`, who may not enter {}, a folder on the way to {}: {advice}",
        closed.display(), wanted.display()
    )]
    FolderClosed {
        /// The account the server runs as.
        user: String,
        /// The folder that is closed to it.
        closed: PathBuf,
        /// Where it needs to get.
        wanted: PathBuf,
        /// What to do about it.
        advice: &'static str,
    },

    /// Where the data folder, or one on the way to it, should be, there is something else.
    #[error(
        "{} is a file, not a folder, so the data cannot lie in {}: use another --data-dir", file.display(), wanted.display()
    )]
    NoFolder {
        /// What is there.
        file: PathBuf,
        /// Where the data was to lie.
        wanted: PathBuf,
    },

    /// The server's data folder belongs to somebody who can't run it.
    #[error(
        "{} belongs to user number {owner}, and the server would run as number {user}: run this program as the owner, \
         or give the folder away with `chown -R`", folder.display()
    )]
    FolderOwner {
        /// The server's data folder.
        folder: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who would have to.
        user: u32,
    },

    /// Something else lies where the server's data belongs.
    #[error("{} is no PostgreSQL data folder (it has no readable PG_VERSION): move it away, or use another --data-dir", folder.display())]
    ForeignFolder {
        /// The folder.
        folder: PathBuf,
    },

    /// The folder for the socket can't be trusted.
    #[error("the folder for the server's socket, {}, {reason}, so it is not used: {advice}", folder.display())]
    SocketFolder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it, as the predicate of a sentence.
        reason: &'static str,
        /// What to do about it.
        advice: &'static str,
    },

    /// A socket's path has a small limit, set by the kernel.
    #[error(
        "the server's socket would be {}, which is {bytes} bytes long, and the system allows {max}: \
         set XDG_RUNTIME_DIR to a shorter folder, or unset it", path.display(), max = crate::socket::SOCKET_PATH_BYTES_MAX
    )]
    SocketPathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length.
        bytes: usize,
    },

    /// Another program has been starting or stopping the server for too long.
    #[error(
        "waited {waited_seconds} s for {}, which another program holds while it starts or stops the server: \
         see who it is with `fuser -v {}`", path.display(), path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long it was waited for.
        waited_seconds: u64,
    },

    /// A process lives that has the number of a server that died.
    #[error(
        "{} says that process {pid} is the server, but it does not answer. If that process is no PostgreSQL server \
         (see `ps -p {pid}`), remove the file and try again; else end it with `kill -INT {pid}`", file.display()
    )]
    Unreachable {
        /// The server's `postmaster.pid`.
        file: PathBuf,
        /// The number in it.
        pid: u32,
    },

    /// A PostgreSQL program failed.
    #[error("{tool} failed on {}: {output}{}", folder.display(), advice_on(output))]
    Tool {
        /// The program's name.
        tool: &'static str,
        /// The folder it worked on.
        folder: PathBuf,
        /// The end of what it said.
        output: String,
    },

    /// The server ended instead of starting.
    #[error(
        "the server in {} did not start ({said}). The last lines of {}:\n{log_end}{}",
        folder.display(), log.display(), advice_on(log_end)
    )]
    Failed {
        /// The server's data folder.
        folder: PathBuf,
        /// What the starting program said.
        said: String,
        /// The log file.
        log: PathBuf,
        /// The last lines of this start.
        log_end: String,
    },

    /// The server did not come up in time.
    #[error(
        "the server in {} was not ready after {waited_seconds} s ({said}). After a crash it first replays what it had not \
         yet written to its tables, which can take minutes: just try again. The last lines of {}:\n{log_end}{}",
        folder.display(), log.display(), advice_on(log_end)
    )]
    NotReady {
        /// The server's data folder.
        folder: PathBuf,
        /// How long it was waited for.
        waited_seconds: u64,
        /// What the starting program said.
        said: String,
        /// The log file.
        log: PathBuf,
        /// Its last lines.
        log_end: String,
    },

    /// A server that was on its way out did not go.
    #[error("before the server can be started anew, the old one has to go: {said}")]
    NotLeaving {
        /// Why it did not.
        said: String,
    },

    /// A file operation failed.
    #[error("cannot {action} {}: {source}{}", path.display(), advice_on_io(source))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl StartError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// Why leaving the embedded server was not orderly. The data is safe in every case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// The server did not stop.
    #[error("the server in {} did not stop: {output}. Stop it with `pg_ctl stop -m fast -D {}`", folder.display(), folder.display())]
    Stays {
        /// The server's data folder.
        folder: PathBuf,
        /// What the stopping program said.
        output: String,
    },

    /// Another program is starting or stopping the server and did not finish in time.
    #[error("left the server without knowing whether it stopped: {0}")]
    Lock(#[source] StartError),
}

fn advice_on(output: &str) -> &'static str {
    if output.contains("No space left on device") {
        ". The disk is full: make room, or use another --data-dir"
    } else if output.contains("Read-only file system") {
        ". The disk is read-only: use another --data-dir"
    } else {
        ""
    }
}

fn advice_on_io(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ". Make room, or use another --data-dir",
        io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::NotADirectory => ". Use a --data-dir that this user may write to",
        _ => "",
    }
}
