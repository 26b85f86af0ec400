//! `aftersend doctor`: what is well, what is not, and what to do about it.
//!
//! It looks where other commands would end at the first thing that is wrong, and changes nothing.

mod database;
mod hooks;
mod older_mails;
mod queues;
mod report;

use std::path::PathBuf;

use crate::{
    Outcome,
    cli::DoctorArgs,
    config::{ConfigError, Settings},
    database::Place,
    output::Output,
};
use report::Report;

/// How far the way to the database led.
pub(crate) enum Reached<'a> {
    /// There is an address. Whether anybody answers there, nobody has asked yet.
    Place(&'a Place),
    /// The embedded database in this folder was never made.
    Unmade(PathBuf),
    /// The embedded server does not start.
    Failed(String),
}

/// Looks at everything.
pub(crate) async fn run(
    args: &DoctorArgs,
    settings: &Settings,
    reached: &Reached<'_>,
    output: Output,
) -> anyhow::Result<Outcome> {
    let mut report = Report::default();
    configuration(settings, &mut report);
    match reached {
        // The futures of the store and of the SDK are large.
        Reached::Place(place) => Box::pin(database::look(place, settings, &mut report)).await,
        Reached::Unmade(folder) => database::unmade(folder, &mut report),
        Reached::Failed(reason) => database::not_started(reason, &mut report),
    }
    Box::pin(queues::look(settings, args.receive, &mut report)).await;
    hooks::look(settings, &mut report);
    Box::pin(older_mails::look_at_store(settings, &mut report)).await;
    finish(&report, output)
}

/// Says what is wrong with a configuration that can't be used. Nothing else can be looked at then.
pub(crate) fn misconfigured(error: &ConfigError, output: Output) -> anyhow::Result<Outcome> {
    let mut report = Report::default();
    report.begin("configuration");
    for sentence in error.sentences() {
        report.wrong("configuration", sentence, "correct it; `aftersend config check` looks at all of it");
    }
    finish(&report, output)
}

fn finish(report: &Report, output: Output) -> anyhow::Result<Outcome> {
    report.print(output)?;
    Ok(if report.is_anything_wrong() { Outcome::Failed } else { Outcome::Done })
}

fn configuration(settings: &Settings, report: &mut Report) {
    report.begin("configuration");
    let file = settings.file.as_ref().map_or("there is no configuration file".to_owned(), |file| {
        format!("the configuration file is {}", file.display())
    });
    report.well("configuration", format!("{file}; everything in it, in variables and flags can be used"));
    for note in &settings.notes {
        report.note("configuration", note.trim_start_matches("note: "));
    }
    if settings.queues.is_empty() && settings.hooks.is_none() {
        report.warn(
            "feeds",
            "no queue and no webhook is named, so that events come in from files alone",
            "name the queue that SES's events go to: a [[queue]] in the configuration file, or --queue-url URL",
        );
    }
}
