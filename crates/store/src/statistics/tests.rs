mod address;
mod application;
mod buckets;
mod kept;
mod lists;
mod plans;
mod truth;

use jiff::Timestamp;

use super::{Figures, Period};

/// A period from two times as people write them.
fn period(from: &str, to: &str) -> Period {
    Period::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
}

/// The day of the events that this crate's tests make up.
fn day() -> Period {
    period("2026-09-01T00:00:00Z", "2026-09-02T00:00:00Z")
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Figures of mails to one recipient each, of which so many were sent.
fn sent(mails: u64) -> Figures {
    Figures { mails, sent: mails, ..Figures::default() }
}
