//! What a schema holds, and where two of them differ.

use std::{collections::BTreeMap, fmt::Write as _};

use aftersend_testkit::database::Client;
use serde_json::{Map, Value};

use crate::{Prefix, sql::render};

/// Differences told at most, of each kind. The first few say what is wrong.
const TOLD_MAX: usize = 4;
/// Characters of a row or a value told at most.
const TOLD_CHARS_MAX: usize = 600;
/// Equal characters in a row that are told as they are, at most.
const RUN_CHARS_MAX: usize = 20;

/// Tables of our own that step 137 makes.
pub(super) const OWN_TABLES: [&str; 2] = ["aftersend_removed_events", "aftersend_progress"];

/// Rows by their uuid, each as the JSON that PostgreSQL makes of the whole row.
pub(super) type Rows = BTreeMap<String, String>;

/// What a schema holds: every column of every mail and event, and every object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) mails: Rows,
    pub(super) events: Rows,
    pub(super) catalog: Vec<String>,
}

impl Snapshot {
    /// Reads it. The client's path must lead nowhere, so that definitions name every object with its schema.
    pub(super) async fn take(client: &Client, prefix: &Prefix) -> Self {
        let catalog = render(include_str!("../../../../test_data/catalog.sql"), prefix);
        let catalog = client.query(&catalog, &[]).await.unwrap();
        let mut catalog: Vec<String> = catalog.iter().map(|row| without_schema(row.get(0), prefix)).collect();
        catalog.sort_unstable();
        Self {
            mails: rows(client, prefix, "phoenix_kit_email_logs").await,
            events: rows(client, prefix, "phoenix_kit_email_events").await,
            catalog,
        }
    }

    /// The same without some tables and what belongs to them.
    pub(super) fn without(mut self, tables: &[&str]) -> Self {
        self.catalog.retain(|line| !tables.iter().any(|table| is_of(table, line)));
        self
    }

    /// Says where this one is not as it should be.
    pub(super) fn require(&self, expected: &Self) -> Result<(), String> {
        let mut text = String::new();
        require_rows(&mut text, "phoenix_kit_email_logs", &self.mails, &expected.mails);
        require_rows(&mut text, "phoenix_kit_email_events", &self.events, &expected.events);
        let surplus = self.catalog.iter().filter(|line| !expected.catalog.contains(line));
        let missing = expected.catalog.iter().filter(|line| !self.catalog.contains(line));
        tell(&mut text, "objects that should not be there", surplus.cloned());
        tell(&mut text, "objects that are missing", missing.cloned());
        match text.is_empty() {
            true if self.catalog != expected.catalog => Err("an object is there twice".to_owned()),
            true => Ok(()),
            false => Err(text),
        }
    }
}

/// An event that step 137 removed, as it stands in the table of those.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Removed {
    pub(super) uuid: String,
    pub(super) mail: String,
    pub(super) kept: String,
    pub(super) step: String,
    pub(super) row: String,
}

/// What is missing from the events must be kept, whole, and nothing else; each with the event that has its place.
pub(super) fn require_removed(found: &[Removed], before: &Rows, after: &Rows) -> Result<(), String> {
    let kept: BTreeMap<_, _> = after.iter().map(|(uuid, row)| (place_of(row), uuid)).collect();
    let expected: Vec<Removed> = before
        .iter()
        .filter(|(uuid, _)| !after.contains_key(*uuid))
        .map(|(uuid, row)| {
            let place = place_of(row);
            Removed {
                uuid: uuid.clone(),
                kept: kept[&place].clone(),
                mail: place.0,
                step: "137".to_owned(),
                row: row.clone(),
            }
        })
        .collect();
    let mut text = String::new();
    let surplus = found.iter().filter(|row| !expected.contains(row));
    let missing = expected.iter().filter(|row| !found.contains(row));
    tell(&mut text, "removed events that should not be kept so", surplus.map(|row| format!("{row:?}")));
    tell(&mut text, "removed events that should be kept so", missing.map(|row| format!("{row:?}")));
    match text.is_empty() {
        true if found.len() != expected.len() => Err("a removed event is kept twice".to_owned()),
        true => Ok(()),
        false => Err(text),
    }
}

/// The place that V137 gives to one event only: mail and type, of opens and clicks also the time.
fn place_of(row: &str) -> (String, String, Option<String>) {
    let row: Map<String, Value> = serde_json::from_str(row).unwrap();
    let text = |column: &str| row[column].as_str().unwrap().to_owned();
    let event_type = text("event_type");
    let occurred_at = ["open", "click"].contains(&event_type.as_str()).then(|| text("occurred_at"));
    (text("email_log_uuid"), event_type, occurred_at)
}

/// All rows of a table that has a uuid.
async fn rows(client: &Client, prefix: &Prefix, table: &str) -> Rows {
    let query = format!("SELECT uuid::text, to_jsonb(t)::text FROM {}.{table} AS t", prefix.quoted());
    client.query(&query, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// A line of the catalog without the schema's name, wherever one stands before an object's.
fn without_schema(line: &str, prefix: &Prefix) -> String {
    let line = line.replace(&format!("{}.", prefix.quoted()), "…");
    let qualifier = format!("{}.", prefix.raw());
    let mut text = String::new();
    let mut rest = line.as_str();
    while let Some(place) = rest.find(&qualifier) {
        let (before, after) = rest.split_at(place);
        text.push_str(before);
        let is_end_of_a_longer_name = before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let is_of_a_line = ["column ", "constraint "].contains(&before) && text == before;
        text.push_str(if is_end_of_a_longer_name || is_of_a_line { &qualifier } else { "…" });
        rest = &after[qualifier.len()..];
    }
    text + rest
}

/// Whether a line of the catalog is about a table: itself, its columns, constraints or indexes.
fn is_of(table: &str, line: &str) -> bool {
    ["table ", "column ", "constraint ", "index "]
        .iter()
        .any(|kind| line.strip_prefix(kind).is_some_and(|object| object.starts_with(table)))
        || (line.starts_with("definition ") && line.contains(&format!(" ON …{table} ")))
}

fn require_rows(text: &mut String, table: &str, found: &Rows, expected: &Rows) {
    let surplus = found.iter().filter(|(uuid, _)| !expected.contains_key(*uuid));
    let missing = expected.iter().filter(|(uuid, _)| !found.contains_key(*uuid));
    let changed = expected.iter().filter_map(|(uuid, row)| {
        found.get(uuid).filter(|other| *other != row).map(|other| changes(uuid, other, row))
    });
    tell(
        text,
        &format!("rows of {table} that should not be there"),
        surplus.map(|(_, row)| without_nulls(row)),
    );
    tell(text, &format!("rows of {table} that are missing"), missing.map(|(_, row)| without_nulls(row)));
    tell(text, &format!("rows of {table} that are not as they should be"), changed);
}

fn without_nulls(row: &str) -> String {
    let mut columns: Map<String, Value> = serde_json::from_str(row).unwrap();
    columns.retain(|_, value| !value.is_null());
    Value::from(columns).to_string()
}

/// Only the columns that differ.
fn changes(uuid: &str, found: &str, expected: &str) -> String {
    let columns = |row: &str| serde_json::from_str::<Map<String, Value>>(row).unwrap();
    let (found_columns, expected_columns) = (columns(found), columns(expected));
    let told: Vec<String> = expected_columns
        .iter()
        .filter(|(column, value)| found_columns.get(*column) != Some(*value))
        .map(|(column, value)| {
            let found = found_columns.get(column).map_or("no such column".to_owned(), ToString::to_string);
            format!("{column} is {} and should be {}", short(&found), short(&value.to_string()))
        })
        .collect();
    // Numbers that serde_json takes for the same differ in the text.
    if told.is_empty() {
        return format!("{uuid}: is {} and should be {}", short(found), short(expected));
    }
    format!("{uuid}: {}", told.join(", "))
}

pub(super) fn tell(text: &mut String, what: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return;
    }
    writeln!(text, "  {} {what}:", lines.len()).expect("a String takes any text");
    for line in lines.iter().take(TOLD_MAX) {
        writeln!(text, "    {}", short(line)).expect("a String takes any text");
    }
    if lines.len() > TOLD_MAX {
        writeln!(text, "    …").expect("a String takes any text");
    }
}

/// Long runs of one character with their length instead, and the beginning of what is long even so.
fn short(text: &str) -> String {
    let mut told = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = rest.trim_start_matches(first);
        let length = rest[..rest.len() - after.len()].chars().count();
        match length {
            0..RUN_CHARS_MAX => told.push_str(&rest[..rest.len() - after.len()]),
            _ => write!(told, "{first}<{length} of them>").expect("a String takes any text"),
        }
        rest = after;
    }
    if let Some((end, _)) = told.char_indices().nth(TOLD_CHARS_MAX) {
        told.truncate(end);
        told.push('…');
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_goes_from_a_line_and_nothing_else() {
        let check = |prefix: &str, line: &str, expected: &str| {
            assert_eq!(without_schema(line, &prefix.parse().unwrap()), expected);
        };
        check("select", "INDEX i ON \"select\".t USING", "INDEX i ON …t USING");
        check("a", "REFERENCES a.t(a) data.a, 'a.s'::regclass", "REFERENCES …t(a) data.a, '…s'::regclass");
        check("phoenix_kit", "column phoenix_kit.1 id phoenix_kit.f()", "column phoenix_kit.1 id …f()");
    }
}
