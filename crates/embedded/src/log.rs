//! The server's log: bounded, and shown when a start fails.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use crate::error::StartError;
use crate::place::{FileOwner, Place};

/// A log that is longer than this when a program starts or joins the server is emptied.
pub(crate) const LOG_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// How much of the log's end an error shows.
const LOG_END_BYTES_MAX: u64 = 2048;

/// Makes the log, which the server's account could not in root's folder, and empties one that is too long. The server
/// appends, so this may happen under it.
pub(crate) fn trim(place: &Place) -> Result<(), StartError> {
    let log = place.log();
    let trim = || {
        let file = place.open_file(&log, FileOwner::Server)?;
        if file.metadata()?.len() > LOG_BYTES_MAX { file.set_len(0) } else { Ok(()) }
    };
    trim().map_err(StartError::io("open the log", &log))
}

/// Its length in bytes now.
pub(crate) fn length(place: &Place) -> u64 {
    place.log().metadata().map_or(0, |metadata| metadata.len())
}

/// The last lines that were written after the log had this length.
pub(crate) fn end_since(place: &Place, log_bytes: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(place.log())?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_END_BYTES_MAX).max(log_bytes)))?;
        let mut bytes = Vec::new();
        file.take(LOG_END_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
        }
        Err(error) => format!("  (it can't be read: {error})"),
    }
}
