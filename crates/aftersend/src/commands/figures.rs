//! `aftersend figures`.

use std::time::Duration;

use aftersend_store::{FigureKeeper, IngestError, Store};
use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

use crate::{Outcome, cli::FiguresCommand, database::Place, jobs::sentence, output::Output};

/// How long to wait for a database that is busy or away.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait until what is to be counted may be noted: a round of another process holds the row for that to its end, which
/// comes after half a minute where a quarter of an hour has a million mails.
const ASK_PATIENCE: Duration = Duration::from_mins(2);

/// How long to wait before asking again, where another process counts or the database is busy.
const PAUSE: Duration = Duration::from_millis(200);

/// How often it is said how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

pub(crate) async fn run(command: &FiguresCommand, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let store = place.store().await?;
    match command {
        FiguresCommand::Rebuild { from, to } => rebuild(&store, *from, *to, output).await,
    }
}

/// Asks for it, again and again while somebody else holds what that is noted in.
async fn ask(
    store: &Store,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    output: Output,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut last_word = began;
    loop {
        match store.recount_figures(from, to).await {
            Ok(()) => return Ok(()),
            Err(IngestError::Repeat(_) | IngestError::Away(_)) if began.elapsed() < ASK_PATIENCE => {}
            Err(error) => return Err(anyhow!("nothing is counted anew: {}; run it again", sentence(&error))),
        }
        if last_word.elapsed() >= PROGRESS_EVERY {
            last_word = Instant::now();
            output.progress("waiting for whoever counts now")?;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks for it, and does it. Whatever runs beside it may do it as well: the end is that nothing is left of what was marked.
async fn rebuild(
    store: &Store,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    output: Output,
) -> anyhow::Result<Outcome> {
    ask(store, from, to, output).await?;
    let began = Instant::now();
    let mut keeper = FigureKeeper::new(store).at_once();
    let mut counted = 0;
    let mut last_word = Instant::now();
    let mut answered = Instant::now();
    // From when on all that was asked for is marked, by the database's clock.
    let mut marked_at = None;
    loop {
        let report = match keeper.round().await {
            Ok(report) => report,
            Err(IngestError::Repeat(_) | IngestError::Away(_)) if answered.elapsed() < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) => {
                return Err(anyhow!("{}; run it again: what was counted stays so", sentence(&error)));
            }
        };
        answered = Instant::now();
        counted += report.counted;
        if !report.is_scanning && marked_at.is_none() {
            marked_at = Some(report.began_at);
        }
        let left = match marked_at {
            Some(marked_at) => Some(store.uncounted_quarters(marked_at).await?),
            None => None,
        };
        if left == Some(0) {
            break;
        }
        if last_word.elapsed() >= PROGRESS_EVERY {
            last_word = Instant::now();
            let left = left.map_or("looking for more".to_owned(), |left| format!("{left} left"));
            output.progress(format!("{counted} quarters of an hour counted, {left}"))?;
        }
        if report.is_elsewhere || (report.counted == 0 && !report.is_scanning) {
            tokio::time::sleep(PAUSE).await;
        }
    }
    if output.is_json() {
        output.json(&json!({ "quarters": counted, "seconds": began.elapsed().as_secs_f64() }))?;
    } else {
        output.text(format!("{counted} quarters of an hour were counted anew"))?;
    }
    Ok(Outcome::Done)
}
