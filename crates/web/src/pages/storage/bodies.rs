//! Bodies: which are where, and what compressing them saves.

use aftersend_store::{BodyPlaces, Estimate};

use super::less_percent;
use crate::{
    Upkeep,
    numbers::{bytes, estimated, estimated_bytes},
    times,
};

/// Bodies in one place.
pub(crate) struct BodyRow {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) count: String,
    pub(crate) length: String,
    pub(crate) takes: String,
}

/// Whether bodies are compressed here, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Those of mails older than this.
    On(String),
    /// Somebody has switched it off.
    SwitchedOff,
    /// An application made the tables.
    Adopted,
}

impl Compression {
    pub(super) fn of(upkeep: &Upkeep, own_tables: bool) -> Self {
        match (upkeep.compress, own_tables) {
            (Some(true), _) | (None, true) => Self::On(times::aged(upkeep.compress_after)),
            (Some(false), _) => Self::SwitchedOff,
            (None, false) => Self::Adopted,
        }
    }
}

/// The places, those where there is nothing left out but for the usual two.
pub(super) fn rows(bodies: &BodyPlaces) -> Vec<BodyRow> {
    let unknown = "–";
    let length = |bodies: Estimate, bytes| {
        if bodies.count == 0 { unknown.to_owned() } else { estimated_bytes(bytes) }
    };
    let row = |name, about, count: Estimate, length: String, takes: String| {
        (count, BodyRow { name, about, count: estimated(count), length, takes })
    };
    let stored = if bodies.compressed.count == 0 { unknown.to_owned() } else { bytes(bodies.stored_bytes) };
    let always = [
        row(
            "As the application wrote them",
            "in the mail’s own row",
            bodies.plain,
            length(bodies.plain, bodies.plain_bytes),
            unknown.to_owned(),
        ),
        row(
            "Compressed",
            "by Aftersend; shown as before",
            bodies.compressed,
            length(bodies.compressed, bodies.compressed_bytes),
            stored,
        ),
    ];
    let rare = [
        row(
            "… of these shared",
            "several mails have the same, which is stored once",
            bodies.shared,
            String::new(),
            String::new(),
        ),
        row(
            "Compressed by PhoenixKit",
            "in the mail’s own row; shown as before",
            bodies.elsewhere,
            unknown.to_owned(),
            estimated_bytes(bodies.elsewhere_bytes),
        ),
        row(
            "Discarded by PhoenixKit",
            "marked as compressed, and nothing was kept",
            bodies.discarded,
            unknown.to_owned(),
            unknown.to_owned(),
        ),
        row(
            "No body",
            "mails whose application logged none, or that are known from events alone",
            bodies.without,
            unknown.to_owned(),
            unknown.to_owned(),
        ),
    ];
    let rare = rare.into_iter().filter(|(count, _)| count.count > 0);
    always.into_iter().chain(rare).map(|(_, row)| row).collect()
}

/// What compressing saves, in a sentence; nothing where nothing is compressed.
pub(super) fn saved(bodies: &BodyPlaces) -> Option<String> {
    if bodies.compressed.count == 0 {
        return None;
    }
    let (before, now) = (bodies.compressed_bytes, bodies.stored_bytes);
    Some(match less_percent(before.count, now) {
        Some(percent) => format!(
            "Compressing saves {percent}: {} of bodies take {}, with their indexes and with what they have in common.",
            estimated_bytes(before),
            bytes(now)
        ),
        // Of few bodies the tables’ own pages are the most.
        None => format!(
            "There are too few for compressing to save room yet: {} of bodies take {}, which is mostly empty pages and indexes.",
            estimated_bytes(before),
            bytes(now)
        ),
    })
}
