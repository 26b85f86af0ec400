//! `aftersend config`.

use serde_json::{Value, json};

use crate::{
    Outcome,
    cli::ConfigCommand,
    config::{Settings, Shown, Source},
    output::{Output, plain},
};

/// Answers from settings that could all be read: what can't be has been told by now, and ended the program.
pub(crate) fn run(command: &ConfigCommand, settings: &Settings, output: Output) -> anyhow::Result<Outcome> {
    match command {
        ConfigCommand::Show { .. } => show(settings, output)?,
        ConfigCommand::Check => check(settings, output)?,
    }
    Ok(Outcome::Done)
}

fn check(settings: &Settings, output: Output) -> anyhow::Result<()> {
    if output.is_json() {
        return output.json(&json!({ "file": settings.file, "usable": true }));
    }
    let file =
        settings.file.as_ref().map_or("no configuration file".to_owned(), |file| file.display().to_string());
    Ok(output.text(format!("Everything in the configuration can be used ({file}, variables and flags)"))?)
}

fn show(settings: &Settings, output: Output) -> anyhow::Result<()> {
    if output.is_json() {
        let settings_json: Vec<Value> = settings.shown.iter().map(shown_json).collect();
        return output.json(&json!({ "file": settings.file, "settings": settings_json }));
    }
    match &settings.file {
        Some(file) => output.text(format!("Configuration file: {}", file.display()))?,
        None => output.text("Configuration file: none")?,
    }
    let rows: Vec<(String, String, String)> = settings.shown.iter().map(row).collect();
    let key_width = rows.iter().map(|(key, ..)| key.chars().count()).max().unwrap_or(0);
    let value_width = rows.iter().map(|(_, value, _)| value.chars().count()).max().unwrap_or(0);
    for (key, value, source) in rows {
        output.text(format!("{key:key_width$}  {value:value_width$}  {source}"))?;
    }
    Ok(())
}

/// A setting for people: its key, its value or what holds without one, and where that came from.
fn row(shown: &Shown) -> (String, String, String) {
    let value = shown
        .value
        .as_ref()
        .map_or_else(|| format!("({})", shown.otherwise.replace('`', "")), |value| plain(value));
    (plain(&shown.key), value, plain(&shown.source.to_string()))
}

fn shown_json(shown: &Shown) -> Value {
    let mut json = json!({ "key": shown.key, "value": shown.value });
    match &shown.source {
        Source::Flag(flag) => {
            json["source"] = json!("flag");
            json["flag"] = json!(flag);
        }
        Source::Variable(name) => {
            json["source"] = json!("environment");
            json["variable"] = json!(name);
        }
        Source::File { path, line } => {
            json["source"] = json!("file");
            json["file"] = json!(path);
            json["line"] = json!(line);
        }
        Source::Default => json["source"] = json!("default"),
    }
    json
}
