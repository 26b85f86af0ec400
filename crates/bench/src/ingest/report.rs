//! The report: one JSON object with every run, the medians, and how they compare.

use std::env;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    data::Sizes,
    queue, rows,
    run::{Figures, Way},
};
use crate::{
    cli::IngestOptions,
    machine::{self, Machine, Postgres},
    statistics::{maximum, median, rounded},
};

/// One run.
#[derive(Debug, Serialize)]
pub(super) struct RunRecord {
    round: u32,
    way: Way,
    /// Just afterwards. Far beyond what the run itself needs, it tells that somebody else was busy, too.
    load_average_after: Option<f64>,
    #[serde(flatten)]
    figures: Option<Figures>,
    /// Why there are no figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// On what was measured.
pub(super) struct Setting {
    pub(super) began_at: Timestamp,
    pub(super) machine: Machine,
    pub(super) postgres: Postgres,
    pub(super) program: String,
    pub(super) sizes: Sizes,
}

/// Medians of the runs of a way; null where every run failed.
#[derive(Debug, Serialize)]
struct Summary {
    events_per_second: Option<f64>,
    seconds: Option<f64>,
    /// How many events each run stored.
    events: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events_per_transaction: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    program_processor_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_processor_seconds: Option<f64>,
    /// The most of all runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_bytes: Option<f64>,
    /// How many connections or calls it has under way at once, where the bench sets that.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_once: Option<usize>,
}

/// What `script/bench ingest` puts on its last line.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    bench: &'static str,
    command: String,
    began_at: String,
    took_seconds: f64,
    program: String,
    /// How this program was built, and so as a rule the one under test.
    profile: &'static str,
    machine: Machine,
    postgres: Postgres,
    sizes: Sizes,
    runs_per_figure: u32,
    aftersend: Summary,
    aftersend_two: Summary,
    floor: Summary,
    row_at_a_time: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqs: Option<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqs_bare: Option<Summary>,
    /// Aim: 0.8 and more.
    aftersend_to_floor: Option<f64>,
    /// Aim: more than that.
    aftersend_two_to_floor: Option<f64>,
    /// Aim: 6 and more.
    aftersend_to_row_at_a_time: Option<f64>,
    sqs_to_bare: Option<f64>,
    /// Against the bare client or what the database takes without a queue, whichever is lower. Aim: 0.8 and more.
    sqs_to_lower: Option<f64>,
    round_trips_per_event: Option<f64>,
    /// Why it is not known how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    round_trips_error: Option<String>,
    /// The most that the program under test took in any run. Aim: less than 150 MB.
    peak_memory_bytes: Option<f64>,
    runs: Vec<RunRecord>,
}

impl RunRecord {
    pub(super) fn new(round: u32, way: Way, result: anyhow::Result<Figures>) -> Self {
        let (figures, error) = match result {
            Ok(figures) => (Some(figures), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        Self { round, way, load_average_after: machine::load_average(), figures, error }
    }
}

impl Report {
    pub(super) fn new(
        options: &IngestOptions,
        setting: Setting,
        round_trips: anyhow::Result<f64>,
        runs: Vec<RunRecord>,
    ) -> Self {
        let of = |way| Summary::of(&runs, way);
        let (aftersend, two, floor, row) =
            (of(Way::Aftersend), of(Way::AftersendTwo), of(Way::Floor), of(Way::RowAtATime));
        let (sqs, bare) = (of(Way::Sqs), of(Way::SqsBare));
        let lower = [bare.events_per_second, aftersend.events_per_second]
            .into_iter()
            .collect::<Option<Vec<f64>>>()
            .map(|both| both[0].min(both[1]));
        let took = Timestamp::now().duration_since(setting.began_at);
        let with_queue = options.messages > 0;
        let (round_trips_per_event, round_trips_error) = match round_trips {
            Ok(per_event) => (Some(per_event), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        Self {
            bench: "ingest",
            command: env::args().skip(1).fold("script/bench".to_owned(), |line, word| line + " " + &word),
            began_at: setting.began_at.to_string(),
            took_seconds: rounded(took.as_secs_f64()),
            program: setting.program,
            profile: if cfg!(debug_assertions) { "dev" } else { "release" },
            machine: setting.machine,
            postgres: setting.postgres,
            sizes: setting.sizes,
            runs_per_figure: options.runs,
            aftersend_to_floor: ratio(aftersend.events_per_second, floor.events_per_second),
            aftersend_two_to_floor: ratio(two.events_per_second, floor.events_per_second),
            aftersend_to_row_at_a_time: ratio(aftersend.events_per_second, row.events_per_second),
            sqs_to_bare: ratio(sqs.events_per_second, bare.events_per_second),
            sqs_to_lower: ratio(sqs.events_per_second, lower),
            peak_memory_bytes: maximum(
                [&aftersend, &two, &sqs].into_iter().filter_map(|summary| summary.peak_memory_bytes),
            ),
            aftersend,
            aftersend_two: two,
            floor,
            row_at_a_time: Summary { at_once: Some(rows::CONNECTIONS), ..row },
            sqs: with_queue.then_some(sqs),
            sqs_bare: with_queue.then_some(Summary { at_once: Some(queue::BARE_CALLS), ..bare }),
            round_trips_per_event,
            round_trips_error,
            runs,
        }
    }

    /// How many runs have no figures.
    pub(crate) fn failed_runs(&self) -> usize {
        let failed = self.runs.iter().filter(|run| run.error.is_some()).count();
        failed + usize::from(self.round_trips_error.is_some())
    }
}

impl Summary {
    /// Of the runs that went well.
    fn of(runs: &[RunRecord], way: Way) -> Self {
        let figures = || runs.iter().filter(|run| run.way == way).filter_map(|run| run.figures.as_ref());
        let median_of =
            |figure: fn(&Figures) -> Option<f64>| median(figures().filter_map(figure)).map(rounded);
        #[expect(clippy::cast_precision_loss, reason = "no program takes 2^53 bytes")]
        let memory = |figures: &Figures| figures.peak_memory_bytes.map(|bytes| bytes as f64);
        Self {
            events_per_second: median_of(|figures| Some(figures.events_per_second)),
            seconds: median_of(|figures| Some(figures.seconds)),
            events: figures().map(|figures| figures.events).next(),
            events_per_transaction: median_of(|figures| figures.events_per_transaction),
            program_processor_seconds: median_of(|figures| figures.program_processor_seconds),
            server_processor_seconds: median_of(|figures| figures.server_processor_seconds),
            peak_memory_bytes: maximum(figures().filter_map(memory)),
            at_once: None,
        }
    }
}

fn ratio(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(rounded(one? / other?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(way: Way, events_per_second: Option<f64>, peak_memory_bytes: Option<u64>) -> RunRecord {
        let figures = |events_per_second| Figures {
            seconds: 1.0,
            events: 400,
            events_per_second,
            events_per_transaction: Some(200.0),
            peak_memory_bytes,
            program_processor_seconds: None,
            server_processor_seconds: None,
            said: Vec::new(),
        };
        let result = events_per_second.map(figures).ok_or_else(|| anyhow::anyhow!("the server said no"));
        RunRecord::new(1, way, result)
    }

    #[test]
    fn figures_are_medians_of_what_went_well_and_memory_is_the_most() {
        let runs = [
            run(Way::Aftersend, Some(8_000.0), Some(30)),
            run(Way::Floor, Some(10_000.0), None),
            run(Way::Aftersend, None, None),
            run(Way::Aftersend, Some(7_000.0), Some(50)),
            run(Way::Aftersend, Some(9_000.0), Some(40)),
        ];
        let (aftersend, floor) = (Summary::of(&runs, Way::Aftersend), Summary::of(&runs, Way::Floor));
        assert_eq!(aftersend.events_per_second, Some(8_000.0));
        assert_eq!(aftersend.peak_memory_bytes, Some(50.0));
        assert_eq!(ratio(aftersend.events_per_second, floor.events_per_second), Some(0.8));
        assert_eq!(Summary::of(&runs, Way::RowAtATime).events_per_second, None);
        assert_eq!(ratio(aftersend.events_per_second, None), None);
        assert_eq!(serde_json::to_value(&runs[2]).unwrap()["error"], "the server said no");
    }
}
