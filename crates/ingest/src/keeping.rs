//! Figures are kept up to date for as long as a process runs.

use std::time::Duration;

use aftersend_store::{FigureKeeper, Store};
use tokio::time::Instant;

use crate::Shutdown;

/// How long to wait between two rounds: as long as figures may be behind.
const ROUND_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause after rounds that failed.
const FAILED_PAUSE_MAX: Duration = Duration::from_mins(1);

/// How many times as long as a round took the pause after it lasts at least: what is left is for those who store and read.
const REST: u32 = 3;

/// Counts anew what has changed, round by round, until a shutdown is requested.
///
/// Ends at once then: what a round has not committed is still marked. Never fails: what goes wrong is logged, and tried again
/// after a longer pause.
pub async fn keep_figures_continually(store: &Store, mut shutdown: Shutdown) {
    let rounds = async {
        let mut keeper = FigureKeeper::new(store);
        let mut pause = ROUND_PAUSE;
        loop {
            let began = Instant::now();
            pause = match keeper.round().await {
                Ok(report) => {
                    tracing::debug!(quarters = report.counted, "figures were counted");
                    let waits = report.is_through || report.is_elsewhere;
                    let least = if waits { ROUND_PAUSE } else { Duration::ZERO };
                    least.max(began.elapsed() * REST)
                }
                Err(error) => {
                    let pause = (pause * 2).clamp(ROUND_PAUSE, FAILED_PAUSE_MAX);
                    tracing::warn!(%error, pause_s = pause.as_secs(), "figures could not be counted");
                    pause
                }
            };
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        biased;
        () = shutdown.requested() => {}
        () = rounds => {}
    }
}

#[cfg(test)]
mod tests {
    use aftersend_event::Message;
    use aftersend_store::{Arrival, Batch, BucketWidth, Period, TimeZoneName};

    use super::*;
    use crate::fixture::{Ground, send, until};

    #[tokio::test]
    async fn what_is_stored_is_counted_until_the_shutdown() {
        let ground = Ground::new().await;
        let (stop, shutdown) = Shutdown::channel();
        let store = ground.store.clone();
        let keeping = tokio::spawn(async move { keep_figures_continually(&store, shutdown).await });
        let body = send("m1");
        let Ok(Message::Event(document)) = aftersend_event::read(body.as_bytes()) else { panic!("{body}") };
        let event = document.event().unwrap();
        let arrivals = vec![Arrival { event: &event, json: document.storable_json() }];
        ground.store.ingest(&Batch { arrivals, poisons: Vec::new() }).await.unwrap();
        let sent_at = event.mail.timestamp.at;
        let hour = Duration::from_hours(1);
        let period = Period::new(sent_at - hour, sent_at + hour).unwrap().by_quarters();
        until("the mail is counted", async || {
            let zone = TimeZoneName::utc();
            let overview = ground.store.overview(period, BucketWidth::Day, &zone, None).await.unwrap();
            (overview.figures.sent == 1).then_some(())
        })
        .await;
        stop.send_replace(true);
        keeping.await.unwrap();
    }

    #[tokio::test]
    async fn without_tables_a_shutdown_is_heard() {
        let ground = Ground::without_tables().await;
        let (stop, shutdown) = Shutdown::channel();
        let store = ground.store.clone();
        let keeping = tokio::spawn(async move { keep_figures_continually(&store, shutdown).await });
        stop.send_replace(true);
        keeping.await.unwrap();
    }
}
