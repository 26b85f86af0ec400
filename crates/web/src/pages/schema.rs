//! The schema: how far it is, and what of it is not as it should be.

use aftersend_store::schema::{Difference, LastRun, SchemaFindings, StepStatus};
use askama::Template;

use super::Frame;
use crate::{
    clock::{Clock, Moment},
    text,
};

/// Differences told at most.
const DIFFERENCES_SHOWN: usize = 100;

/// The page.
#[derive(Template)]
#[template(path = "schema.html")]
pub(crate) struct SchemaPage {
    frame: Frame,
    prefix: String,
    marker: Option<u32>,
    is_whole: bool,
    steps: Vec<Step>,
    differences: Vec<Told>,
    more: usize,
    notes: Vec<Told>,
    last_run: Option<Run>,
}

/// A step, and whether the schema has it.
struct Step {
    name: &'static str,
    about: &'static str,
    applied: bool,
    since: Option<Moment>,
    lacks: String,
}

struct Told {
    table: String,
    what: String,
    fix: Option<String>,
}

/// What a migration says of itself.
struct Run {
    what: String,
    phase: String,
    percent: Option<i32>,
    waits_for: Option<String>,
    updated: Moment,
}

impl SchemaPage {
    pub(crate) fn new(findings: &SchemaFindings, clock: &Clock) -> Self {
        let SchemaFindings { status, catalog, last_run } = findings;
        let is_up = status.steps.iter().all(|step| step.applied);
        Self {
            frame: Frame::below("/feeds", clock),
            prefix: text::value(status.prefix.raw()),
            marker: status.marker,
            is_whole: is_up && catalog.is_whole(),
            steps: status.steps.iter().map(|step| Step::new(step, clock)).collect(),
            differences: catalog.differences.iter().take(DIFFERENCES_SHOWN).map(Told::new).collect(),
            more: catalog.differences.len().saturating_sub(DIFFERENCES_SHOWN),
            notes: catalog.notes.iter().take(DIFFERENCES_SHOWN).map(Told::new).collect(),
            // One that came to its end is history.
            last_run: last_run.as_ref().filter(|run| !run.is_done()).map(|run| Run::new(run, clock)),
        }
    }
}

impl Step {
    fn new(status: &StepStatus, clock: &Clock) -> Self {
        Self {
            name: status.step.name(),
            about: about(status.step.name()),
            applied: status.applied,
            since: status.applied_at.map(|at| clock.moment(at)),
            lacks: status.lacks.iter().map(|name| text::value(name)).collect::<Vec<_>>().join(", "),
        }
    }
}

/// What a step is for.
fn about(step: &str) -> &'static str {
    match step {
        "136" => "PhoenixKit’s tables of mails, events, blocks and templates",
        "137" => "PhoenixKit’s unique indexes, and those that searches use",
        "a1" => "what makes an event one of its kind; folded events, ids, quarantine",
        "a2" => "room for values that are longer than 255 characters",
        "a3" => "what became of a mail for each of its recipients",
        "a4" => "parking for events whose mail is not known yet",
        "a5" => "sums of figures, so that the overview need not count each mail",
        "a6" => "sums by domains, reasons of bounces and links, for the lists beside it",
        "a7" => "tables for bodies of older mails, which are compressed later",
        "a9" => "mails that an application logs through Aftersend, and people who were erased",
        "a8" => "what is known of mails in the archive",
        "a10" => "jobs that run by themselves, and what they did",
        _ => "",
    }
}

impl Told {
    fn new(difference: &Difference) -> Self {
        Self {
            table: text::value(&difference.table),
            what: text::value(&difference.what),
            fix: difference.fix.as_deref().map(text::value),
        }
    }
}

impl Run {
    fn new(run: &LastRun, clock: &Clock) -> Self {
        let way = if run.up { "up" } else { "down" };
        let what = if run.running {
            format!("Step {} is being taken {way}", run.step)
        } else {
            format!("Step {} was being taken {way}, and that run was broken off", run.step)
        };
        Self {
            what,
            phase: text::value(&run.phase),
            percent: run.percent,
            waits_for: run.waits_for.as_deref().map(text::value),
            updated: clock.moment(run.updated_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use aftersend_store::schema::Step;

    #[test]
    fn every_step_says_what_it_is_for() {
        for step in Step::ALL {
            assert_ne!(super::about(step.name()), "", "{step:?}");
        }
    }
}
