//! What takes the room, part by part.

use aftersend_store::{Estimate, TableSize, TableSizes};

use super::{Stored, less_percent};
use crate::numbers::{bytes, estimated, grouped};

/// One figure, large.
pub(crate) struct Tile {
    pub(crate) name: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) count: String,
    pub(crate) about: String,
}

/// Tables that belong together.
pub(crate) struct PartRow {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Their rows, where that is a number of something.
    pub(crate) rows: Option<String>,
    pub(crate) row_bytes: String,
    pub(crate) long_bytes: String,
    pub(crate) index_bytes: String,
    pub(crate) all_bytes: String,
    /// Of the whole, for the bar.
    pub(crate) percent: u64,
}

/// Which part a table belongs to. The last one takes what no other names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Mails,
    Recipients,
    Events,
    Bodies,
    Figures,
    Archive,
    Waiting,
    Rest,
}

impl Part {
    const ALL: [Self; 8] = [
        Self::Mails,
        Self::Events,
        Self::Recipients,
        Self::Bodies,
        Self::Figures,
        Self::Archive,
        Self::Waiting,
        Self::Rest,
    ];

    fn of(table: &str) -> Self {
        match table {
            "phoenix_kit_email_logs" => Self::Mails,
            "phoenix_kit_email_events" | "aftersend_folded_events" | "aftersend_removed_events" => {
                Self::Events
            }
            "aftersend_recipients" => Self::Recipients,
            "aftersend_bodies"
            | "aftersend_shared_bodies"
            | "aftersend_body_dictionaries"
            | "aftersend_kept_bodies" => Self::Bodies,
            "aftersend_ids"
            | "aftersend_archive_runs"
            | "aftersend_archive_objects"
            | "aftersend_archived_mails"
            | "aftersend_late_events" => Self::Archive,
            "aftersend_quarantine" | "phoenix_kit_email_orphaned_events" => Self::Waiting,
            _ if ["figure", "domains_by", "links_by", "bounces_by"]
                .iter()
                .any(|word| table.contains(word)) =>
            {
                Self::Figures
            }
            _ => Self::Rest,
        }
    }

    fn name_and_about(self) -> (&'static str, &'static str) {
        match self {
            Self::Mails => ("Mails", "with bodies that are not compressed"),
            Self::Events => ("Events", "with their JSON; folded ones among them"),
            Self::Recipients => ("Recipients", "what became of a mail for each of them"),
            Self::Bodies => ("Compressed bodies", "with what several have in common"),
            Self::Figures => ("Figures", "sums by the quarter of an hour and the day"),
            Self::Archive => ("Archive", "which mails are there, and ids that outlive mails"),
            Self::Waiting => ("What waits", "quarantine and parked events"),
            Self::Rest => ("The rest", "blocklist, templates, notes of this program"),
        }
    }
}

/// Sums of tables.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_field_names, reason = "each number bears its unit")]
struct Sum {
    row_bytes: u64,
    long_bytes: u64,
    index_bytes: u64,
}

impl Sum {
    fn of<'a>(tables: impl Iterator<Item = &'a TableSize>) -> Self {
        tables.fold(Self::default(), |sum, table| Self {
            row_bytes: sum.row_bytes + table.rows.bytes,
            // What finds the pieces belongs to them: nobody can search by it.
            long_bytes: sum.long_bytes + table.long_values.all_bytes(),
            index_bytes: sum.index_bytes + table.rows.index_bytes,
        })
    }

    fn all(self) -> u64 {
        self.row_bytes + self.long_bytes + self.index_bytes
    }

    fn row(self, (name, about): (&'static str, &'static str), rows: Option<Estimate>, whole: u64) -> PartRow {
        PartRow {
            name,
            about,
            rows: rows.map(estimated),
            row_bytes: bytes(self.row_bytes),
            long_bytes: bytes(self.long_bytes),
            index_bytes: bytes(self.index_bytes),
            all_bytes: bytes(self.all()),
            percent: self.all() * 100 / whole.max(1),
        }
    }
}

/// The parts, in their order.
pub(super) fn parts(sizes: &TableSizes, stored: &Stored) -> Vec<PartRow> {
    let whole = Sum::of(sizes.tables.iter()).all();
    let row = |part: Part| {
        let sum = Sum::of(sizes.tables.iter().filter(|table| Part::of(&table.name) == part));
        let rows = match part {
            Part::Mails => Some(sizes.mails),
            Part::Events => Some(sizes.events),
            Part::Recipients => Some(sizes.recipients),
            Part::Bodies => stored.bodies.map(|bodies| bodies.compressed),
            Part::Archive => stored.gone.map(|gone| gone.archived + gone.archived_and_here),
            Part::Figures | Part::Waiting | Part::Rest => None,
        };
        sum.row(part.name_and_about(), rows, whole)
    };
    Part::ALL.map(row).into()
}

/// All of them together.
pub(super) fn whole(sizes: &TableSizes) -> PartRow {
    let sum = Sum::of(sizes.tables.iter());
    sum.row(("Together", ""), None, sum.all())
}

/// The page at a glance.
pub(super) fn tiles(stored: &Stored) -> Vec<Tile> {
    let mut tiles = Vec::new();
    if let Some(sizes) = &stored.sizes {
        tiles.push(Tile {
            name: "On disk here",
            tone: "neutral",
            count: bytes(Sum::of(sizes.tables.iter()).all()),
            about: "tables, indexes and long values".to_owned(),
        });
        tiles.push(Tile {
            name: "Mails here",
            tone: "opened",
            count: estimated(sizes.mails),
            about: match sizes.events.count {
                1 => "with 1 event".to_owned(),
                _ => format!("with {} events", estimated(sizes.events)),
            },
        });
    }
    if let Some(bodies) = &stored.bodies {
        let saved = less_percent(bodies.compressed_bytes.count, bodies.stored_bytes);
        let is_any = bodies.compressed.count > 0;
        tiles.push(Tile {
            name: "Saved on bodies",
            tone: "delivered",
            count: saved.filter(|_| is_any).unwrap_or_else(|| "–".to_owned()),
            about: if is_any {
                format!("{} bodies are compressed", estimated(bodies.compressed))
            } else {
                "none is compressed".to_owned()
            },
        });
    }
    if let (Some(gone), Some(sums)) = (&stored.gone, &stored.sums) {
        let mails = gone.archived + gone.archived_and_here;
        tiles.push(Tile {
            name: "Mails in the archive",
            tone: "clicked",
            count: estimated(mails),
            about: if sums.objects == 0 {
                "no mail went there".to_owned()
            } else if sums.objects == 1 {
                format!("{} in 1 object", bytes(sums.bytes))
            } else {
                format!("{} in {} objects", bytes(sums.bytes), grouped(sums.objects))
            },
        });
    }
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_part() {
        for (table, part) in [
            ("phoenix_kit_email_logs", Part::Mails),
            ("aftersend_folded_events", Part::Events),
            ("aftersend_recipients", Part::Recipients),
            ("aftersend_kept_bodies", Part::Bodies),
            ("aftersend_removed_figures", Part::Figures),
            ("aftersend_links_by_quarter", Part::Figures),
            ("aftersend_late_events", Part::Archive),
            ("aftersend_ids", Part::Archive),
            ("aftersend_quarantine", Part::Waiting),
            ("phoenix_kit_email_blocklist", Part::Rest),
            ("aftersend_of_a_later_version", Part::Rest),
        ] {
            assert_eq!(Part::of(table), part, "{table}");
        }
    }
}
