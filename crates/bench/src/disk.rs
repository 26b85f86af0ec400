//! How much room the bench needs, said and checked before anything is made.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};

use crate::{cli::MigrateOptions, progress::say};

/// The generated database, its clone with what a step adds to it (indexes, dead rows), and files of sorts: measured
/// with a million mails, and rounded up.
const BYTES_PER_MAIL: u64 = 9_000;

/// One mail's opens likewise, for a template and a clone.
const BYTES_PER_OPEN: u64 = 2_000;

/// A new server, and its log of changes: `max_wal_size` of 1 GiB, which a busy server exceeds for a while.
const BYTES_OF_SERVER: u64 = 2_500_000_000;

/// Says how much room the bench takes, and refuses where there is less.
pub(crate) fn require_room(options: &MigrateOptions) -> anyhow::Result<()> {
    let folder = &options.folder;
    let place = folder.display();
    fs::create_dir_all(folder).with_context(|| format!("making the folder {place}"))?;
    let room = rustix::fs::statvfs(folder).with_context(|| format!("asking for the room in {place}"))?;
    let (needed, free) = (bytes_needed(options.mails, options.opens), room.f_bavail * room.f_frsize);
    say(format!("needs up to {} in {place}, where {} are free", gigabytes(needed), gigabytes(free)));
    ensure!(free >= needed, "too little room in {place}: give another --folder, or fewer --mails");
    warn_of_memory(folder);
    Ok(())
}

fn bytes_needed(mails: u32, opens: u32) -> u64 {
    // Of the two databases of opens the larger has ten times the number, and both stay to the end.
    u64::from(mails) * BYTES_PER_MAIL + u64::from(opens) * 11 * BYTES_PER_OPEN + BYTES_OF_SERVER
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
    fn the_room_goes_with_the_sizes() {
        let server_alone = bytes_needed(0, 0);
        assert_eq!(bytes_needed(10, 0) - server_alone, 10 * BYTES_PER_MAIL);
        assert_eq!(bytes_needed(0, 10) - server_alone, 110 * BYTES_PER_OPEN);
        assert!(bytes_needed(u32::MAX, u32::MAX) > u64::from(u32::MAX) * BYTES_PER_MAIL);
    }

    #[test]
    fn sizes_are_said_in_gigabytes() {
        assert_eq!(gigabytes(12_345_678_901), "12.3 GB");
    }
}
