//! The column `message_tags`: names and the values each has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Tags by name. Sets, since tags of several events unite.
pub(crate) type Tags = BTreeMap<String, BTreeSet<String>>;

/// Reads the column. SES gives each name a list; applications write a plain value now and then.
pub(crate) fn read(column: &str) -> BTreeMap<String, Vec<String>> {
    let Ok(Value::Object(object)) = serde_json::from_str(column) else { return BTreeMap::new() };
    object
        .into_iter()
        .map(|(name, value)| {
            let values = match value {
                Value::Array(values) => values.into_iter().filter_map(text_of).collect(),
                value => text_of(value).into_iter().collect(),
            };
            (name, values)
        })
        .collect()
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// Reads the column into sets.
pub(crate) fn read_sets(column: &str) -> Tags {
    read(column).into_iter().map(|(name, values)| (name, values.into_iter().collect())).collect()
}

/// Writes the column.
pub(crate) fn write(tags: &Tags) -> String {
    serde_json::to_string(tags).expect("names and values are plain strings")
}
