//! Settings from layers that are made up.

mod docs;
mod file;
mod precedence;

use std::ffi::OsString;

use super::{
    file::ConfigFile,
    settings::{Flags, Settings},
};

/// Where the made-up file is said to be.
const PATH: &str = "/srv/mail/aftersend.toml";

/// Settings from these flags, variables and a file, or the sentence that says why not.
fn settle(flags: &Flags, variables: &[(&str, &str)], file: Option<&str>) -> Result<Settings, String> {
    let environment = |name: &str| -> Option<OsString> {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    };
    let file = file.map(|text| ConfigFile::parse(PATH.into(), text.as_bytes(), false));
    Settings::settle(flags, &environment, file.as_ref()).map_err(|error| error.to_string())
}

/// The same from a file alone.
fn settle_file(text: &str) -> Result<Settings, String> {
    settle(&Flags::default(), &[], Some(text))
}

/// What is shown of a setting: its value and where it came from.
#[track_caller]
fn shown(settings: &Settings, key: &str) -> (Option<String>, String) {
    let shown = settings.shown.iter().find(|shown| shown.key == key);
    let shown = shown.unwrap_or_else(|| panic!("{key} is not among {:#?}", settings.shown));
    (shown.value.clone(), shown.source.to_string())
}
