//! How far a step is, on standard error: a bar on a terminal, else a line every few seconds.

use std::{
    io::{self, IsTerminal},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aftersend_store::schema::{Progress, Watcher};
use indicatif::{ProgressBar, ProgressStyle};

use super::text;
use crate::output::plain;

/// How often a line is written where there is no terminal, at most; sooner only when it begins to wait for somebody.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// How long a phase must have lasted for its rate to say anything.
const RATE_AFTER: Duration = Duration::from_secs(1);

/// Shows what a migrator reports. Dropped, it takes its bar away.
pub(super) struct Shown {
    state: Mutex<State>,
}

struct State {
    bar: Option<ProgressBar>,
    phase: Option<Phase>,
    line_at: Option<Instant>,
    waits_for: Option<String>,
}

/// Since when something is being done.
struct Phase {
    name: (String, Option<u64>),
    began: Instant,
    /// How much had been done when it was first seen.
    done_first: u64,
    /// When more was last seen to be done, and how much. Work is told of in pieces; a rate that went on to the present
    /// would sink from one to the next.
    last: (Instant, u64),
}

impl Shown {
    pub(super) fn new() -> Arc<Self> {
        let bar = io::stderr().is_terminal().then(ProgressBar::no_length);
        Arc::new(Self { state: Mutex::new(State { bar, phase: None, line_at: None, waits_for: None }) })
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &state.bar {
            bar.finish_and_clear();
        }
    }
}

impl Watcher for Shown {
    fn report(&self, progress: &Progress) {
        // A phase without a name to show: the end of a step.
        if progress.unit.is_empty() && progress.total == Some(0) {
            return;
        }
        self.state.lock().unwrap_or_else(PoisonError::into_inner).report(progress, Instant::now());
    }
}

impl State {
    fn report(&mut self, progress: &Progress, now: Instant) {
        let name = (progress.phase.clone(), progress.total);
        let mut phase = match self.phase.take() {
            Some(phase) if phase.name == name && phase.last.1 <= progress.done => phase,
            _ => Phase { name, began: now, done_first: progress.done, last: (now, progress.done) },
        };
        if progress.done > phase.last.1 {
            phase.last = (now, progress.done);
        }
        let what = what(progress);
        let numbers = numbers(progress, &phase, now).join(", ");
        self.phase = Some(phase);
        let begins_to_wait = progress.waits_for.is_some() && progress.waits_for != self.waits_for;
        self.waits_for.clone_from(&progress.waits_for);
        let waits = progress.waits_for.as_deref().map(|whom| format!("waits for {}", plain(whom)));
        if let Some(bar) = &self.bar {
            // Above the bar, which is too short for it.
            if let Some(waits) = waits.filter(|_| begins_to_wait) {
                bar.println(waits);
            }
            // What changes first: the end of a long line is cut off.
            let space = if numbers.is_empty() { "" } else { "  " };
            draw(bar, progress, format!("{numbers}{space}{}: {}", progress.step, plain(&progress.phase)));
        } else if begins_to_wait || self.line_at.is_none_or(|at| now.duration_since(at) >= LINE_EVERY) {
            self.line_at = Some(now);
            let waits = waits.map_or(String::new(), |waits| format!("; {waits}"));
            let comma = if numbers.is_empty() { "" } else { ", " };
            eprintln!("{what}{comma}{numbers}{waits}");
        }
    }
}

fn draw(bar: &ProgressBar, progress: &Progress, line: String) {
    let (template, total) = match progress.total.filter(|total| *total > 0) {
        Some(total) => ("[{bar:10}] {wide_msg}", Some(total)),
        None => ("{spinner} {wide_msg}", None),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    match total {
        Some(total) => {
            bar.set_length(total);
            bar.set_position(progress.done.min(total));
        }
        None => bar.unset_length(),
    }
    bar.set_message(line);
    bar.tick();
}

/// `step 137 up: removing duplicate events`.
fn what(progress: &Progress) -> String {
    let direction = if progress.up { "up" } else { "down" };
    format!("step {} {direction}: {}", progress.step, plain(&progress.phase))
}

/// `42 %`, `12 s left`, `51,000 events/s`: as much of that as is known.
fn numbers(progress: &Progress, phase: &Phase, now: Instant) -> Vec<String> {
    let mut numbers = Vec::new();
    numbers.extend(progress.percent().map(|percent| format!("{percent} %")));
    let (last_at, last_done) = phase.last;
    let elapsed = last_at.duration_since(phase.began);
    let done = last_done - phase.done_first;
    // Somebody else's time is no rate of ours.
    if done == 0 || elapsed < RATE_AFTER || progress.waits_for.is_some() {
        return numbers;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown in a few digits")]
    let rate = done as f64 / elapsed.as_secs_f64();
    let left = progress.total.and_then(|total| total.checked_sub(last_done)).filter(|left| *left > 0);
    numbers.extend(left.map(|left| {
        #[expect(clippy::cast_precision_loss, reason = "a time left is shown in a few digits")]
        let seconds = left as f64 / rate - now.duration_since(last_at).as_secs_f64();
        format!("{} left", text::seconds(seconds.max(1.0)))
    }));
    numbers.push(format!("{} {}/s", rate_number(rate), progress.unit));
    numbers
}

fn rate_number(rate: f64) -> String {
    if rate < 10.0 {
        return format!("{rate:.1}");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is positive")]
    let whole = rate.round() as u64;
    text::number(whole)
}

#[cfg(test)]
mod tests {
    use aftersend_store::schema::Step;

    use super::*;

    fn check(done: u64, total: Option<u64>, elapsed_s: u64, waits: bool, expected: &str) {
        let began = Instant::now();
        let at = began + Duration::from_secs(elapsed_s);
        let phase = Phase { name: (String::new(), total), began, done_first: 0, last: (at, done) };
        let progress = Progress {
            step: Step::V137,
            up: true,
            phase: "removing".to_owned(),
            done,
            total,
            unit: "events",
            waits_for: waits.then(|| "process 1".to_owned()),
        };
        assert_eq!(numbers(&progress, &phase, at).join(", "), expected);
        assert_eq!(what(&progress), "step 137 up: removing");
    }

    #[test]
    fn rate_and_time_left_are_told_where_there_are_any() {
        check(0, None, 100, false, "");
        check(0, Some(1_000), 100, false, "0 %");
        check(500, None, 100, false, "5.0 events/s");
        check(500, Some(0), 10, false, "50 events/s");
        check(500, Some(1_000), 0, false, "50 %");
        check(500, Some(1_000), 10, false, "50 %, 10 s left, 50 events/s");
        check(500, Some(1_000), 10, true, "50 %");
        // The total was an estimate, and too low.
        check(1_500, Some(1_000), 10, false, "100 %, 150 events/s");
    }

    /// Work that is told of in pieces has the same rate between them, and less time left.
    #[test]
    fn a_rate_does_not_sink_between_two_pieces_of_work() {
        let began = Instant::now();
        let last = (began + Duration::from_secs(10), 500);
        let phase = Phase { name: (String::new(), None), began, done_first: 0, last };
        let progress = Progress {
            step: Step::V137,
            up: true,
            phase: "removing".to_owned(),
            done: 500,
            total: Some(1_000),
            unit: "events",
            waits_for: None,
        };
        let at = |seconds| numbers(&progress, &phase, began + Duration::from_secs(seconds)).join(", ");
        assert_eq!(at(14), "50 %, 6.0 s left, 50 events/s");
        assert_eq!(at(60), "50 %, 1.0 s left, 50 events/s");
    }
}
