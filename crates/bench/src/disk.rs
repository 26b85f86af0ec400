//! How much room the bench needs, said and checked before anything is made.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};

use crate::progress::say;

/// What a server takes before there is a database: its own files, and its log of changes: `max_wal_size` of 1 GiB, which
/// a busy server exceeds for a while.
pub(crate) const BYTES_OF_SERVER: u64 = 2_500_000_000;

/// Says how much room the bench takes, and refuses where there is less.
pub(crate) fn require_room(folder: &Path, bytes_needed: u64) -> anyhow::Result<()> {
    let place = folder.display();
    fs::create_dir_all(folder).with_context(|| format!("making the folder {place}"))?;
    let room = rustix::fs::statvfs(folder).with_context(|| format!("asking for the room in {place}"))?;
    let free = room.f_bavail * room.f_frsize;
    say(format!("needs up to {} in {place}, where {} are free", gigabytes(bytes_needed), gigabytes(free)));
    ensure!(free >= bytes_needed, "too little room in {place}: give another --folder, or fewer --mails");
    warn_of_memory(folder);
    Ok(())
}

fn gigabytes(bytes: u64) -> String {
    format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10)
}

/// A folder in memory syncs nothing, so that commits cost nothing.
#[cfg(target_os = "linux")]
fn warn_of_memory(folder: &Path) {
    // https://man7.org/linux/man-pages/man2/statfs.2.html
    const TMPFS_MAGIC: u32 = 0x0102_1994;
    let is_memory = rustix::fs::statfs(folder)
        .is_ok_and(|system| u32::try_from(system.f_type).is_ok_and(|kind| kind == TMPFS_MAGIC));
    if is_memory {
        let place = folder.display();
        say(format!(
            "warning: {place} lies in memory, where commits wait for no disk; --folder names another place"
        ));
    }
}

#[cfg(not(target_os = "linux"))]
fn warn_of_memory(_: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_gigabytes() {
        assert_eq!(gigabytes(12_345_678_901), "12.3 GB");
    }
}
