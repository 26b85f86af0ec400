//! Asking: pages of the site, plain queries, and an export.

use std::{fs, process, time::Duration};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use tokio::time::Instant;
use tokio_postgres::error::SqlState;

use super::{
    cases::Case,
    site::{Site, Visitor},
};
use crate::{
    product::peak_memory_bytes_of,
    session::Session,
    statistics::{maximum, median, milliseconds, percentile, rounded},
};

/// Requests that are not counted, before those that are.
const WARMING_REQUESTS: usize = 5;

/// Plain runs that are not counted, before those that are.
const WARMING_RUNS: usize = 1;

/// When a plain run is stopped.
const PLAIN_TIME_MAX: Duration = Duration::from_secs(30);

/// What a page says whose search was ended.
const TIME_UP: &str = "The search took too long and was ended";

/// What came of a page.
#[derive(Debug, Default, Serialize)]
pub(super) struct Pages {
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    max_ms: Option<f64>,
    requests: usize,
    /// Answered by an error, by another page than was asked for, or not at all. Their times count like all others.
    failed: usize,
    /// Answers of a search that had used up its time.
    time_up: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_failure: Option<String>,
}

/// What came of the plain query.
#[derive(Debug, Default, Serialize)]
pub(super) struct Plain {
    #[serde(rename = "plain_p50_ms")]
    p50_ms: Option<f64>,
    #[serde(rename = "plain_p95_ms")]
    p95_ms: Option<f64>,
    #[serde(rename = "plain_runs")]
    runs: usize,
    /// Those that were stopped, and count as 30,000 ms.
    #[serde(rename = "plain_stopped")]
    stopped: usize,
}

/// What came of an export.
#[derive(Debug, Serialize)]
pub(super) struct Export {
    mails: u64,
    bytes: u64,
    seconds: f64,
    /// How much the most memory that this process had in use meanwhile exceeds what it had before (`VmHWM`), on Linux.
    peak_memory_growth_bytes: Option<u64>,
    /// The same after a tenth of the mails.
    peak_memory_growth_bytes_at_tenth: Option<u64>,
    /// What it had before.
    memory_before_bytes: Option<u64>,
}

impl Pages {
    pub(super) const fn failed(&self) -> usize {
        self.failed
    }
}

/// Asks for the case's pages so many times.
pub(super) async fn pages(site: &Site, case: &Case, requests: usize) -> anyhow::Result<Pages> {
    let requests = requests.min(case.requests_max);
    let mut visitor = site.connect().await?;
    for path in case.paths.iter().cycle().take(WARMING_REQUESTS.min(requests)) {
        // What fails here fails again where it counts.
        if visitor.get(path).await.is_err() {
            visitor = site.connect().await?;
        }
    }
    let (mut pages, mut times_ms) = (Pages { requests, ..Pages::default() }, Vec::with_capacity(requests));
    let mut paths = case.paths.iter().cycle();
    let (mut next, mut page_number): (Option<String>, usize) = (None, 0);
    for _ in 0..requests {
        let further = next.take().filter(|_| page_number < case.pages);
        let path = if let Some(path) = further {
            path
        } else {
            page_number = 0;
            paths.next().context("a case has paths")?.clone()
        };
        page_number += 1;
        let began = Instant::now();
        let failure = match visitor.get(&path).await {
            Ok(answer) => {
                times_ms.push(milliseconds(answer.took));
                let is_cut_short = answer.page.contains(TIME_UP);
                pages.time_up += usize::from(is_cut_short);
                next = link_to_next(&answer.page);
                let is_right = is_cut_short || case.mark.is_on(&answer.page);
                (!answer.status.is_success() || !is_right)
                    .then(|| format!("{path} was answered with {}, not by the page meant", answer.status))
            }
            Err(error) => {
                times_ms.push(milliseconds(began.elapsed()));
                visitor = site.connect().await?;
                Some(format!("{path}: {error:#}"))
            }
        };
        if let Some(failure) = failure {
            pages.failed += 1;
            pages.first_failure.get_or_insert(failure);
        }
    }
    let of = |percent| percentile(times_ms.iter().copied(), percent).map(rounded);
    (pages.p50_ms, pages.p95_ms) = (of(50), of(95));
    pages.max_ms = maximum(times_ms.iter().copied()).map(rounded);
    Ok(pages)
}

/// Where the page's own link leads on.
fn link_to_next(page: &str) -> Option<String> {
    let (_, link) = page.split_once(r#"rel="next" href=""#)?;
    let (path, _) = link.split_once('"')?;
    Some(path.replace("&amp;", "&").replace("&#38;", "&"))
}

/// Runs the case's plain queries so many times.
pub(super) async fn plain(session: &Session, case: &Case, runs: usize) -> anyhow::Result<Plain> {
    let mut plain = Plain { runs, ..Plain::default() };
    let mut times_ms = Vec::with_capacity(runs);
    let all = case.plain.iter().cycle();
    for statements in case.plain.iter().take(WARMING_RUNS.min(runs)) {
        plain_run(session, statements).await?;
    }
    for statements in all.take(runs) {
        let took = plain_run(session, statements).await?;
        plain.stopped += usize::from(took.is_none());
        times_ms.push(milliseconds(took.unwrap_or(PLAIN_TIME_MAX)));
    }
    plain.p50_ms = median(times_ms.iter().copied()).map(rounded);
    plain.p95_ms = percentile(times_ms, 95).map(rounded);
    Ok(plain)
}

/// How long the statements take together, and `None` where they were stopped.
async fn plain_run(session: &Session, statements: &[String]) -> anyhow::Result<Option<Duration>> {
    let mut took = Duration::ZERO;
    for statement in statements {
        let left = PLAIN_TIME_MAX.saturating_sub(took).as_millis().max(1);
        session.batch_execute(&format!("SET statement_timeout = {left}")).await?;
        let began = Instant::now();
        match session.query(statement, &[]).await {
            Ok(_) => took += began.elapsed(),
            Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => return Ok(None),
            Err(error) => return Err(error).context("a plain query"),
        }
    }
    Ok((took < PLAIN_TIME_MAX).then_some(took))
}

/// Takes that many mails as CSV, and then no more.
pub(super) async fn export(site: &Site, mails: u64) -> anyhow::Result<Export> {
    let mut visitor: Visitor = site.connect().await?;
    // So that the most memory is that of the export alone.
    // https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
    let before =
        fs::write("/proc/self/clear_refs", "5").ok().and_then(|()| peak_memory_bytes_of(process::id()));
    let growth = || peak_memory_bytes_of(process::id())?.checked_sub(before?);
    let (mut lines, mut bytes, mut at_tenth) = (0_u64, 0_u64, None);
    let began = Instant::now();
    visitor
        .stream("/mails/export/csv?q=", |part| {
            lines += part.iter().filter(|byte| **byte == b'\n').map(|_| 1).sum::<u64>();
            bytes += part.len() as u64;
            if at_tenth.is_none() && lines > mails / 10 {
                at_tenth = growth();
            }
            // One line names the columns.
            lines <= mails
        })
        .await?;
    let seconds = rounded(began.elapsed().as_secs_f64());
    ensure!(lines > mails, "the export ended after {} of {mails} mails", lines.saturating_sub(1));
    Ok(Export {
        mails: lines - 1,
        bytes,
        seconds,
        peak_memory_growth_bytes: growth(),
        peak_memory_growth_bytes_at_tenth: at_tenth,
        memory_before_bytes: before,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_to_the_next_page_is_read_as_a_browser_reads_it() {
        let page = r#"<a rel="prev" href="/a">1</a><a rel="next" href="/mails?q=x&#38;older=1_2">2</a>"#;
        assert_eq!(link_to_next(page).as_deref(), Some("/mails?q=x&older=1_2"));
        assert_eq!(link_to_next("<a href=\"/mails\">"), None);
    }
}
