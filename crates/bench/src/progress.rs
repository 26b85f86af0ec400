//! What a person sees meanwhile, on standard error.

use std::{fmt::Display, sync::LazyLock, time::Instant};

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Says one line, with the seconds since the first.
pub(crate) fn say(line: impl Display) {
    eprintln!("[{:5} s] {line}", BEGAN.elapsed().as_secs());
}
