//! Data that is made once and kept: a folder, a lock while somebody uses it, and a note of what lies there.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::progress::say;

/// What a change of the data or of the schema beneath has one more of: older data is made anew.
const VERSION: u32 = 1;

const NOTE_FILE: &str = "made.json";

/// The server's data, below the folder.
const DATA_FOLDER: &str = "data";

/// What lies there, once it is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    version: u32,
    pub(super) mails: u32,
    pub(super) events: i64,
    pub(super) recipients: i64,
    /// As RFC 3339 has it.
    pub(super) made_at: String,
    pub(super) made_in_seconds: u64,
}

impl Note {
    pub(super) fn new(mails: u32, events: i64, recipients: i64, began_at: Timestamp) -> Self {
        let made_at = Timestamp::now();
        let made_in_seconds = made_at.duration_since(began_at).as_secs().unsigned_abs();
        Self { version: VERSION, mails, events, recipients, made_at: made_at.to_string(), made_in_seconds }
    }
}

/// The folder, which nobody else uses meanwhile.
pub(crate) struct Kept {
    path: PathBuf,
    mails: u32,
    // Held: the lock goes with the open file.
    _lock: File,
}

impl Kept {
    /// Takes the folder for that many mails, and makes it where there is none.
    pub(crate) fn open(parent: &Path, mails: u32) -> anyhow::Result<Self> {
        let path = parent.join(format!("aftersend-bench-search-{mails}"));
        let place = path.display();
        fs::create_dir_all(&path).with_context(|| format!("making the folder {place}"))?;
        // Under root the server runs as another user, who must get through; its data lies in a private folder below.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        let lock = File::create(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, mails, _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!("another bench is using {place}: wait for its end"),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {place}")),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn data_folder(&self) -> PathBuf {
        self.path.join(DATA_FOLDER)
    }

    /// What lies there, if it is whole and of this version.
    pub(crate) fn note(&self) -> Option<Note> {
        let text = fs::read(self.path.join(NOTE_FILE)).ok()?;
        let note: Note = serde_json::from_slice(&text).ok()?;
        (note.version == VERSION && note.mails == self.mails).then_some(note)
    }

    /// Notes that the data is whole.
    pub(super) fn finish(path: &Path, note: &Note) -> anyhow::Result<()> {
        // By a new name: half a note would be none, and so would be a note that the disk never got.
        let (file, half) = (path.join(NOTE_FILE), path.join("made.json.new"));
        let mut written = File::create(&half)?;
        io::Write::write_all(&mut written, &serde_json::to_vec(note)?)?;
        written.sync_all()?;
        fs::rename(half, file).context("noting that the data is whole")
    }

    /// Removes data that was not made to its end, or that another version made. Not while a server runs on it.
    pub(crate) fn remove_unfinished(&self) -> anyhow::Result<()> {
        if self.note().is_some() {
            return Ok(());
        }
        let _ = fs::remove_file(self.path.join(NOTE_FILE));
        match fs::remove_dir_all(self.data_folder()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error).with_context(|| format!("removing {}", self.data_folder().display())),
            Ok(()) => {
                say(format!("removed unfinished or older data from {}", self.path.display()));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_data_of_this_size_is_kept_and_one_bench_has_it() {
        let parent = tempfile::tempdir().unwrap();
        let kept = Kept::open(parent.path(), 20).unwrap();
        assert!(Kept::open(parent.path(), 20).is_err(), "a second bench got in");
        fs::create_dir(kept.data_folder()).unwrap();
        assert_eq!(kept.note(), None);
        kept.remove_unfinished().unwrap();
        assert!(!kept.data_folder().exists());

        fs::create_dir(kept.data_folder()).unwrap();
        let note = Note::new(20, 60, 20, Timestamp::now());
        Kept::finish(kept.path(), &note).unwrap();
        kept.remove_unfinished().unwrap();
        assert_eq!((kept.note(), kept.data_folder().exists()), (Some(note.clone()), true));

        Kept::finish(kept.path(), &Note { version: VERSION + 1, ..note }).unwrap();
        assert_eq!(kept.note(), None);
        kept.remove_unfinished().unwrap();
        assert!(!kept.data_folder().exists());
    }
}
