//! How several programs share one server: three lock files, and a keeper that outlives a killed program.
//!
//! The locks are `flock(2)`'s: the kernel releases them when the last descriptor closes, so also after `kill -9`.
//! <https://man7.org/linux/man-pages/man2/flock.2.html>
//!
//! | file          | held by                                    | meaning                                    |
//! |---------------|--------------------------------------------|--------------------------------------------|
//! | `start.lock`  | who starts, joins or leaves, exclusively   | one at a time                              |
//! | `users.lock`  | every program that uses the server, shared | the server is needed                       |
//! |               | who stops the server, exclusively          | nobody needs it, and nobody may join yet   |
//! | `keeper.lock` | the keeper, exclusively                    | somebody will stop the server after a kill |
//!
//! The order is always `start.lock`, then `users.lock`, then `keeper.lock`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::error::StartError;
use crate::find::find_on_path;
use crate::place::{FileOwner, Place};

/// How often a lock or a file that is waited for is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How long a joining or leaving program waits for others that start or stop the server: longer than they are given for it.
const LOCK_WAIT: Duration = Duration::from_mins(7);

/// After this time of waiting a person is told what takes so long.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// How long the server is given to stop. It breaks off what it does and writes a checkpoint.
pub(crate) const STOP_WAIT: Duration = Duration::from_mins(2);

/// How long a leaving program waits for a keeper without work to end.
const KEEPER_END_WAIT: Duration = Duration::from_secs(2);

/// What the keeper does, as a shell script, because a process that outlives ours can't be forked without unsafe code.
///
/// Its standard input is `keeper.lock`, locked, its standard output `users.lock`, not locked. They move to 3 and 4, since a
/// shell's background process gets /dev/null as its input. The shell in front ends at once, so that the keeper belongs
/// to init and never becomes our zombie. It ignores what a closing terminal or a service manager sends to everyone: it
/// has work to do just then. It must give up `keeper.lock` before `users.lock`: a newcomer who gets the latter and
/// finds the former held relies on a keeper that is still waiting.
const KEEPER: &str = r#"
exec 3<&0 4<&1 </dev/null >/dev/null 2>&1
(
    trap '' HUP INT TERM
    "$1" -x 4 3<&- || exit
    "$2" stop -D "$3" -m fast -w -t "$4" -s 3<&- 4<&-
    exec 3<&-
) &
"#;

/// The lock files of one data folder.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    place: &'a Place,
}

/// A held lock. It ends with [`Lock::release`], or, a moment later if a child is being started just then, with a drop.
#[derive(Debug)]
pub(crate) struct Lock(File);

/// What a program that has given up its own use of the server finds.
#[derive(Debug)]
pub(crate) enum Left {
    /// Others use the server.
    InUse,
    /// Nobody does, and nobody can join while this lock is held.
    Alone(Lock),
}

impl<'a> Share<'a> {
    pub(crate) fn new(place: &'a Place) -> Self {
        Self { place }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.data_dir().join(name)
    }

    fn open(&self, name: &str) -> Result<File, StartError> {
        let path = self.path(name);
        self.place.open_file(&path, FileOwner::Folder).map_err(StartError::io("open", &path))
    }

    fn try_lock(&self, name: &str, operation: FlockOperation) -> Result<Option<Lock>, StartError> {
        let file = self.open(name)?;
        match flock(&file, operation) {
            Ok(()) => Ok(Some(Lock(file))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(StartError::io("lock", &self.path(name))(error.into())),
        }
    }

    fn lock(&self, name: &str, operation: FlockOperation) -> Result<Lock, StartError> {
        let mut lock = poll_until(LOCK_PATIENCE, || self.try_lock(name, operation))?;
        if lock.is_none() {
            tracing::info!("waiting for another program, which is starting or stopping the database server");
            lock = poll_until(LOCK_WAIT, || self.try_lock(name, operation))?;
        }
        lock.ok_or_else(|| StartError::Locked { path: self.path(name), waited_seconds: LOCK_WAIT.as_secs() })
    }

    /// Waits until no other program starts, joins or leaves.
    pub(crate) fn enter(&self) -> Result<Lock, StartError> {
        self.lock("start.lock", FlockOperation::NonBlockingLockExclusive)
    }

    /// Becomes a user of the server, after waiting for a keeper that is stopping it.
    pub(crate) fn join(&self) -> Result<Lock, StartError> {
        self.lock("users.lock", FlockOperation::NonBlockingLockShared)
    }

    /// Gives up the use of the server. The caller has entered, so no other program is between giving up and looking.
    pub(crate) fn leave(&self, user: Lock) -> Result<Left, StartError> {
        user.release();
        let left = poll_until(LOCK_WAIT, || {
            if let Some(alone) = self.try_lock("users.lock", FlockOperation::NonBlockingLockExclusive)? {
                return Ok(Some(Left::Alone(alone)));
            }
            // Held, but not exclusively, means in use; else a keeper is at work, and its end is waited for.
            let shared = self.try_lock("users.lock", FlockOperation::NonBlockingLockShared)?;
            Ok(shared.map(|_| Left::InUse))
        })?;
        let path = self.path("users.lock");
        left.ok_or(StartError::Locked { path, waited_seconds: LOCK_WAIT.as_secs() })
    }

    /// Starts a keeper unless one lives: a process that waits until nobody uses the server and then stops it, with `pg_ctl`.
    pub(crate) fn ensure_keeper(&self, pg_ctl: &Path, postgres_dir: &Path) -> Result<(), StartError> {
        let Some(lock) = self.try_lock("keeper.lock", FlockOperation::NonBlockingLockExclusive)? else {
            return Ok(());
        };
        let Some(flock_program) = find_on_path("flock") else {
            tracing::warn!(
                "flock(1) is not installed (it is in util-linux): if this program is killed, \
                 the database server stays until the next command ends"
            );
            return Ok(());
        };
        let mut command = self.place.command(Path::new("sh"));
        command.args(["-c", KEEPER, "aftersend-keeper"]).arg(flock_program).arg(pg_ctl).arg(postgres_dir);
        command.arg(STOP_WAIT.as_secs().to_string());
        command.stdin(lock.0).stdout(self.open("users.lock")?).stderr(Stdio::null());
        let status = command.status().map_err(StartError::io("run `sh` as the keeper of", postgres_dir))?;
        if !status.success() {
            tracing::warn!(%status, "no keeper: if this program is killed, the database server stays until the next command ends");
        }
        Ok(())
    }

    /// Waits, but not for long, until a keeper that has nothing left to do has ended.
    pub(crate) fn await_keeper_end(&self) {
        let ended = poll_until(KEEPER_END_WAIT, || {
            self.try_lock("keeper.lock", FlockOperation::NonBlockingLockExclusive)
        });
        if !matches!(ended, Ok(Some(_))) {
            tracing::debug!("the keeper is still there");
        }
    }
}

impl Lock {
    /// The lock as a child's standard stream: the child holds it, too, so that a kill of this program alone does not open it.
    pub(crate) fn stdio(&self) -> io::Result<Stdio> {
        Ok(self.0.try_clone()?.into())
    }

    /// Releases the lock at once, also where a child that is being started has an inherited copy for a moment.
    pub(crate) fn release(self) {
        if let Err(error) = flock(&self.0, FlockOperation::Unlock) {
            tracing::debug!(%error, "a lock was not released before its file was closed");
        }
    }
}

/// Looks until there is something, or the time is over (`None`), or looking fails.
pub(crate) fn poll_until<T, E>(
    wait: Duration,
    mut look: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let deadline = Instant::now() + wait;
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}
