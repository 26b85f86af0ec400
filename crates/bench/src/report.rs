//! The report: one JSON object with every run and the medians.

use std::{collections::BTreeMap, env};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    cli::MigrateOptions,
    data::Template,
    machine::{self, Machine, Postgres},
    product::Way,
    run::{Figures, WriterFigures},
    sampler,
    statistics::{maximum, median, milliseconds, rounded},
};

/// One run.
#[derive(Debug, Serialize)]
pub(crate) struct RunRecord {
    situation: String,
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
pub(crate) struct Setting {
    pub(crate) began_at: Timestamp,
    pub(crate) machine: Machine,
    pub(crate) postgres: Postgres,
    pub(crate) aftersend: String,
    pub(crate) sizes: Template,
}

/// A figure of each way; null where every run failed.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Pair {
    online: Option<f64>,
    plain: Option<f64>,
}

/// Medians of the runs beside a writer.
#[derive(Debug, Serialize)]
struct BesideWriter {
    seconds: Pair,
    online_to_plain: Option<f64>,
    lock_wait_max_ms: Pair,
    write_max_ms: Pair,
    /// Aim: a twentieth, 0.05.
    write_max_online_to_plain: Option<f64>,
    /// Of all runs, where the two above are medians of the runs' longest.
    lock_wait_worst_ms: Pair,
    write_worst_ms: Pair,
    write_p50_ms: Pair,
    write_p99_ms: Pair,
    from_schedule_max_ms: Pair,
    writes_done: Pair,
    writes_refused: Pair,
    writes_failed: Pair,
}

/// How the writer was set.
#[derive(Debug, Serialize)]
struct WriterSetting {
    writes_per_second: u32,
    duplicates_per_second: u32,
    lead_seconds: f64,
    sample_interval_ms: f64,
}

/// What `script/bench migrate` puts on its last line.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    bench: &'static str,
    command: String,
    began_at: String,
    took_seconds: f64,
    aftersend: String,
    /// How the programs were built. How much that can matter, `program_processor_seconds` of each run tells.
    profile: &'static str,
    machine: Machine,
    postgres: Postgres,
    sizes: Template,
    duplicates: i64,
    writer: WriterSetting,
    runs_per_figure: u32,
    online_seconds: Option<f64>,
    plain_seconds: Option<f64>,
    online_to_plain: Option<f64>,
    lock_wait_max_ms: Pair,
    write_max_ms: Pair,
    with_writer: BesideWriter,
    #[serde(skip_serializing_if = "Option::is_none")]
    with_duplicates: Option<BesideWriter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    writer_alone: Option<WriterFigures>,
    /// `opens_20k_seconds`, `opens_200k_seconds`, and how they compare.
    #[serde(flatten)]
    opens: BTreeMap<String, Pair>,
    runs: Vec<RunRecord>,
}

impl RunRecord {
    pub(crate) fn new(situation: &str, round: u32, way: Way, result: anyhow::Result<Figures>) -> Self {
        let (figures, error) = match result {
            Ok(figures) => (Some(figures), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        let load_average_after = machine::load_average();
        Self { situation: situation.to_owned(), round, way, load_average_after, figures, error }
    }
}

impl Report {
    pub(crate) fn new(
        options: &MigrateOptions,
        setting: Setting,
        opens: &[u32],
        writer_alone: Option<WriterFigures>,
        runs: Vec<RunRecord>,
    ) -> Self {
        let quiet = seconds(&runs, "quiet");
        let with_writer = beside_writer(&runs, "writer");
        let took = Timestamp::now().duration_since(setting.began_at);
        Self {
            bench: "migrate",
            command: env::args().skip(1).fold("script/bench".to_owned(), |line, word| line + " " + &word),
            began_at: setting.began_at.to_string(),
            took_seconds: rounded(took.as_secs_f64()),
            aftersend: setting.aftersend,
            profile: if cfg!(debug_assertions) { "dev" } else { "release" },
            machine: setting.machine,
            postgres: setting.postgres,
            duplicates: setting.sizes.events - setting.sizes.distinct_events,
            sizes: setting.sizes,
            writer: WriterSetting {
                writes_per_second: options.writes_per_second,
                duplicates_per_second: options.duplicates_per_second,
                lead_seconds: options.lead_seconds.as_secs_f64(),
                sample_interval_ms: milliseconds(sampler::INTERVAL),
            },
            runs_per_figure: options.runs,
            online_seconds: quiet.online,
            plain_seconds: quiet.plain,
            online_to_plain: quiet.ratio(),
            lock_wait_max_ms: with_writer.lock_wait_max_ms,
            write_max_ms: with_writer.write_max_ms,
            with_writer,
            with_duplicates: (options.duplicates_per_second > 0).then(|| beside_writer(&runs, "duplicates")),
            writer_alone,
            opens: opens_figures(&runs, opens),
            runs,
        }
    }

    /// How many runs have no figures.
    pub(crate) fn failed_runs(&self) -> usize {
        self.runs.iter().filter(|run| run.error.is_some()).count()
    }

    /// What runs on a mail with so many opens are called: `opens_20k`.
    pub(crate) fn opens_situation(opens: u32) -> String {
        if opens.is_multiple_of(1000) { format!("opens_{}k", opens / 1000) } else { format!("opens_{opens}") }
    }
}

impl Pair {
    fn ratio(self) -> Option<f64> {
        Some(rounded(self.online? / self.plain?))
    }
}

fn beside_writer(runs: &[RunRecord], situation: &str) -> BesideWriter {
    let of_writer = |figure: fn(&WriterFigures) -> f64| {
        medians(runs, situation, |figures| figures.writer.as_ref().map(figure))
    };
    let worst = |figure: fn(&WriterFigures) -> f64| {
        of_runs(runs, situation, |figures| figures.writer.as_ref().map(figure), maximum)
    };
    #[expect(clippy::cast_precision_loss, reason = "no bench writes 2^53 rows")]
    let count = |number: usize| number as f64;
    let (seconds, write_max_ms) = (seconds(runs, situation), of_writer(|writer| writer.write_max_ms));
    BesideWriter {
        seconds,
        online_to_plain: seconds.ratio(),
        lock_wait_max_ms: of_writer(|writer| writer.lock_wait_max_ms),
        write_max_ms,
        write_max_online_to_plain: write_max_ms.ratio(),
        lock_wait_worst_ms: worst(|writer| writer.lock_wait_max_ms),
        write_worst_ms: worst(|writer| writer.write_max_ms),
        write_p50_ms: of_writer(|writer| writer.write_p50_ms),
        write_p99_ms: of_writer(|writer| writer.write_p99_ms),
        from_schedule_max_ms: of_writer(|writer| writer.from_schedule_max_ms),
        writes_done: medians(runs, situation, |figures| Some(count(figures.writer.as_ref()?.writes_done))),
        writes_refused: medians(runs, situation, |figures| {
            Some(count(figures.writer.as_ref()?.writes_refused))
        }),
        writes_failed: medians(runs, situation, |figures| {
            Some(count(figures.writer.as_ref()?.writes_failed.values().sum()))
        }),
    }
}

fn opens_figures(runs: &[RunRecord], opens: &[u32]) -> BTreeMap<String, Pair> {
    let mut figures = BTreeMap::new();
    let times: Vec<Pair> =
        opens.iter().map(|opens| seconds(runs, &Report::opens_situation(*opens))).collect();
    for (opens, pair) in opens.iter().zip(&times) {
        figures.insert(format!("{}_seconds", Report::opens_situation(*opens)), *pair);
    }
    if let [fewer, more] = times[..] {
        let ratio = |more: Option<f64>, fewer: Option<f64>| Some(rounded(more? / fewer?));
        let pair = Pair { online: ratio(more.online, fewer.online), plain: ratio(more.plain, fewer.plain) };
        figures.insert("opens_tenfold_ratio".to_owned(), pair);
    }
    figures
}

fn seconds(runs: &[RunRecord], situation: &str) -> Pair {
    medians(runs, situation, |figures| Some(figures.seconds))
}

/// The median of a figure over the runs of a situation that went well.
fn medians(runs: &[RunRecord], situation: &str, figure: impl Fn(&Figures) -> Option<f64>) -> Pair {
    of_runs(runs, situation, figure, median)
}

/// What all runs of a situation that went well come to in a figure.
fn of_runs(
    runs: &[RunRecord],
    situation: &str,
    figure: impl Fn(&Figures) -> Option<f64>,
    summary: impl Fn(Vec<f64>) -> Option<f64>,
) -> Pair {
    let of = |way: Way| {
        let runs = runs.iter().filter(|run| run.situation == situation && run.way == way);
        summary(runs.filter_map(|run| figure(run.figures.as_ref()?)).collect()).map(rounded)
    };
    Pair { online: of(Way::Online), plain: of(Way::Plain) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(situation: &str, way: Way, seconds: Option<f64>) -> RunRecord {
        let figures = |seconds| Figures {
            seconds,
            program_processor_seconds: None,
            writer: None,
            said: serde_json::Value::Null,
        };
        let result = seconds.map(figures).ok_or_else(|| anyhow::anyhow!("the server said no"));
        RunRecord::new(situation, 1, way, result)
    }

    #[test]
    fn medians_are_of_one_situation_and_way_and_leave_out_what_failed() {
        let runs = [
            run("quiet", Way::Online, Some(30.0)),
            run("quiet", Way::Online, None),
            run("quiet", Way::Online, Some(10.0)),
            run("quiet", Way::Plain, Some(16.0)),
            run("writer", Way::Plain, Some(90.0)),
        ];
        let quiet = seconds(&runs, "quiet");
        assert_eq!((quiet.online, quiet.plain, quiet.ratio()), (Some(20.0), Some(16.0), Some(1.25)));
        let writer = seconds(&runs, "writer");
        assert_eq!((writer.online, writer.plain, writer.ratio()), (None, Some(90.0), None));
        assert_eq!(serde_json::to_value(&runs[1]).unwrap()["error"], "the server said no");
    }

    #[test]
    fn opens_are_named_by_their_number() {
        let runs = [
            run("opens_20k", Way::Online, Some(2.0)),
            run("opens_200k", Way::Online, Some(21.0)),
            run("opens_200k", Way::Plain, Some(9.0)),
        ];
        let figures = opens_figures(&runs, &[20_000, 200_000]);
        assert_eq!(figures["opens_20k_seconds"].online, Some(2.0));
        assert_eq!(figures["opens_200k_seconds"].plain, Some(9.0));
        assert_eq!(figures["opens_tenfold_ratio"].online, Some(10.5));
        assert_eq!(figures["opens_tenfold_ratio"].plain, None);
        assert_eq!(Report::opens_situation(50), "opens_50");
    }
}
