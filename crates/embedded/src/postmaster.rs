//! What is known of a running server: its `postmaster.pid`, and whether somebody answers.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::error::StartError;
use crate::place::Place;
use crate::socket;

/// The lines of `postmaster.pid` that matter here.
/// <https://www.postgresql.org/docs/current/storage-file-layout.html>; the lines are listed in its source, `miscadmin.h`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Postmaster {
    /// The first process of the server. The number may be another process's by now, if the server died with the machine.
    pub(crate) pid: u32,
    pub(crate) port: u16,
    /// Empty while the server has not opened it.
    pub(crate) socket_dir: PathBuf,
    pub(crate) ready: bool,
    pub(crate) stopping: bool,
}

/// Whether the server of a data folder runs.
#[derive(Debug)]
pub(crate) enum State {
    /// It takes connections.
    Ready(Postmaster),
    /// It runs, and is starting up.
    Starting,
    /// It is on its way out, or can't be reached any more because its socket is gone.
    Leaving,
    /// A process lives that has the number of a server that did not end in order.
    Doubtful(Postmaster),
    /// It does not run.
    Stopped,
}

impl Postmaster {
    fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = text.split(|byte| *byte == b'\n');
        let number = |line: &[u8]| std::str::from_utf8(line).ok()?.trim().parse::<u32>().ok();
        let pid = number(lines.next()?)?;
        let port = number(lines.nth(2)?)?.try_into().ok()?;
        let socket_dir = PathBuf::from(std::ffi::OsString::from_vec(lines.next()?.to_vec()));
        // Lines 6 and 7 are the TCP address and the shared memory; the status is filled up with blanks.
        let status = lines.nth(2).unwrap_or_default().trim_ascii();
        Some(Self { pid, port, socket_dir, ready: status == b"ready", stopping: status == b"stopping" })
    }

    fn read(file: &Path) -> Result<Option<Self>, StartError> {
        match fs::read(file) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StartError::io("read", file)(error)),
        }
    }
}

/// The server's file in its data folder.
pub(crate) fn pid_file(place: &Place) -> PathBuf {
    place.postgres_dir().join("postmaster.pid")
}

/// Looks whether the server runs. What the file says is believed only when somebody answers at the socket, in a folder that
/// is the server's alone: after a crash of the machine the file is still there, and its number may be anybody's.
pub(crate) fn look(place: &Place) -> Result<State, StartError> {
    let Some(postmaster) = Postmaster::read(&pid_file(place))? else { return Ok(State::Stopped) };
    let answers = !postmaster.socket_dir.as_os_str().is_empty()
        && socket::check(place, &postmaster.socket_dir).is_ok()
        && UnixStream::connect(socket::socket_path(&postmaster.socket_dir, postmaster.port)).is_ok();
    if !answers {
        return Ok(silent(place, postmaster));
    }
    Ok(match () {
        () if postmaster.ready => State::Ready(postmaster),
        () if postmaster.stopping => State::Leaving,
        () => State::Starting,
    })
}

/// What a server is that does not answer.
fn silent(place: &Place, postmaster: Postmaster) -> State {
    let pid = i32::try_from(postmaster.pid).ok().and_then(rustix::process::Pid::from_raw);
    let lives = pid.is_some_and(|pid| match rustix::process::test_kill_process(pid) {
        // A process of another account is none of ours; PostgreSQL sees it so, too.
        Err(error) => error != rustix::io::Errno::SRCH && error != rustix::io::Errno::PERM,
        Ok(()) => true,
    });
    // As root we see processes of every account; the server's own does not, and takes them for dead.
    let process = PathBuf::from(format!("/proc/{}", postmaster.pid));
    let strange = fs::metadata(&process).is_ok_and(|metadata| metadata.uid() != place.server_uid());
    if !lives || strange {
        return State::Stopped;
    }
    // Every process of a server works in the data folder. Linux tells where a process works.
    match fs::read_link(process.join("cwd")) {
        Ok(folder) if folder == place.postgres_dir() => State::Leaving,
        _ => State::Doubtful(postmaster),
    }
}

/// Whether any process works in the server's data folder; `None` where the system does not tell: it has no `/proc` like
/// Linux's, or it keeps from us what other processes of the server's account do (root in a container may lack that right).
pub(crate) fn any_process(place: &Place) -> Option<bool> {
    let folder = place.postgres_dir();
    fs::read_link("/proc/self/cwd").ok()?;
    let mut hidden = false;
    for process in fs::read_dir("/proc").ok()?.flatten() {
        match fs::read_link(process.path().join("cwd")) {
            Ok(worked_in) if worked_in == folder => return Some(true),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                hidden |= process.metadata().is_ok_and(|metadata| metadata.uid() == place.server_uid());
            }
            _ => {}
        }
    }
    if hidden { None } else { Some(false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_file_is_read() {
        let check = |text: &str, expect: Option<(u32, u16, &str, bool, bool)>| {
            let found = Postmaster::parse(text.as_bytes());
            let expect = expect.map(|(pid, port, socket_dir, ready, stopping)| Postmaster {
                pid,
                port,
                socket_dir: socket_dir.into(),
                ready,
                stopping,
            });
            assert_eq!(found, expect, "{text:?}");
        };
        let whole = "4711\n/data/postgres\n1763814000\n5432\n/run/x\n\n   123  456\n";
        check(&format!("{whole}ready   \n"), Some((4711, 5432, "/run/x", true, false)));
        check(&format!("{whole}stopping\n"), Some((4711, 5432, "/run/x", false, true)));
        check(&format!("{whole}starting\n"), Some((4711, 5432, "/run/x", false, false)));
        check("4711\n/data\n1763814000\n5432\n\n", Some((4711, 5432, "", false, false)));
        check("4711\n/data\n", None);
        check("", None);
        check("x\n/data\n1\n5432\n/run/x\n", None);
    }
}
