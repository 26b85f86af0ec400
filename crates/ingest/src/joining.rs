//! Parked events are looked after for as long as a process runs.

use std::time::Duration;

use aftersend_store::{IngestError, JoinReport, Joiner, Store};
use tokio::time::Instant;

use crate::Shutdown;

/// How long to wait between two rounds: as long as a mail's first events may be missing from its page.
const ROUND_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause after rounds that failed.
const FAILED_PAUSE_MAX: Duration = Duration::from_mins(1);

/// The pause between rounds that look at all that is parked.
const THROUGH_PAUSE: Duration = Duration::from_millis(100);

/// Joins parked events to their mails, makes the mails that nobody has logged in time, and merges those that are
/// logged after all, round by round until a shutdown is requested.
///
/// Ends at once then: what a round has committed is done, and the rest is there for whoever comes next. Never fails:
/// what goes wrong is logged, and tried again after a longer pause.
pub async fn join_continually(store: &Store, mut shutdown: Shutdown) {
    let rounds = async {
        let mut joiner = Joiner::new(store);
        let mut pause = ROUND_PAUSE;
        loop {
            pause = match joiner.round().await {
                Ok(report) => {
                    tell(report);
                    // There is more: it is not waited for.
                    if report.is_through || report.put_off > 0 { ROUND_PAUSE } else { Duration::ZERO }
                }
                Err(error) => {
                    let pause = (pause * 2).clamp(ROUND_PAUSE, FAILED_PAUSE_MAX);
                    tracing::warn!(%error, pause_s = pause.as_secs(), "parked events could not be looked after");
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

/// Goes through all that is parked, once: for a run that ends. What another transaction stands in the way of is tried
/// again for so long, and then left.
///
/// # Errors
///
/// When the database does not answer, or is not as it should be.
pub async fn join_through(store: &Store, patience: Duration) -> Result<JoinReport, IngestError> {
    let began = Instant::now();
    let mut joiner = Joiner::new(store);
    let mut sum = JoinReport::default();
    let mut put_off = 0;
    loop {
        match joiner.round().await {
            Ok(report) => {
                put_off += report.put_off;
                sum += JoinReport { put_off: 0, ..report };
                if report.is_through {
                    if put_off == 0 || began.elapsed() >= patience {
                        tell(sum);
                        return Ok(JoinReport { put_off, ..sum });
                    }
                    put_off = 0;
                    tokio::time::sleep(THROUGH_PAUSE).await;
                }
            }
            Err(IngestError::Repeat(reason) | IngestError::Away(reason)) if began.elapsed() < patience => {
                tracing::debug!(reason, "parked events are looked after again");
                tokio::time::sleep(THROUGH_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn tell(report: JoinReport) {
    let JoinReport { joined, merged, quarantined, put_off, is_through: _ } = report;
    if joined + merged + quarantined + put_off > 0 {
        tracing::info!(joined, merged, quarantined, put_off, "parked events joined their mails");
    }
}

#[cfg(test)]
mod tests {
    use aftersend_event::Message;
    use aftersend_store::{Arrival, Batch, UnknownMails};

    use super::*;
    use crate::fixture::{Ground, send, until};

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A store that parks, with an event of one mail parked.
    async fn parked(park_for: Duration) -> Ground {
        let mut ground = Ground::new().await;
        ground.store = ground.store.clone().with_unknown_mails(UnknownMails::Park { park_for });
        let body = send("m1");
        let Ok(Message::Event(document)) = aftersend_event::read(body.as_bytes()) else { panic!("{body}") };
        let event = document.event().unwrap();
        let arrivals = vec![Arrival { event: &event, json: document.storable_json() }];
        let report = ground.store.ingest(&Batch { arrivals, poisons: Vec::new() }).await.unwrap();
        assert_eq!(report.parked, 1);
        ground
    }

    async fn log(ground: &Ground) {
        ground
            .execute(
                "INSERT INTO {p}.phoenix_kit_email_logs
                     (message_id, aws_message_id, \"to\", \"from\", inserted_at, updated_at)
                 VALUES ('pk_1', 'm1', 'ann@example.com', 'shop@example.com', now(), now())",
            )
            .await;
    }

    #[tokio::test]
    async fn a_mail_that_is_logged_meanwhile_gets_its_events_until_the_shutdown() {
        let ground = parked(Duration::from_hours(1)).await;
        let (stop, shutdown) = Shutdown::channel();
        let store = ground.store.clone();
        let joining = tokio::spawn(async move { join_continually(&store, shutdown).await });
        log(&ground).await;
        until("the event has joined its mail", async || (ground.event_count().await == 1).then_some(()))
            .await;
        stop.send_replace(true);
        joining.await.unwrap();
        assert_eq!(ground.store.parked().await.unwrap().events, 0);
    }

    #[tokio::test]
    async fn a_run_that_ends_goes_through_all_that_is_parked() {
        let ground = parked(Duration::from_hours(1)).await;
        assert_eq!(join_through(&ground.store, PATIENCE).await.unwrap().joined, 0);
        log(&ground).await;
        assert_eq!(join_through(&ground.store, PATIENCE).await.unwrap().joined, 1);
        // Without patience for the application the mail is made at once.
        let ground = parked(Duration::ZERO).await;
        assert_eq!(join_through(&ground.store, PATIENCE).await.unwrap().joined, 1);
        assert_eq!(ground.store.count_all().await.unwrap().mails, 1);
    }

    #[tokio::test]
    async fn without_tables_it_says_so_and_a_shutdown_is_heard() {
        let ground = Ground::without_tables().await;
        let error = join_through(&ground.store, PATIENCE).await.unwrap_err();
        assert!(matches!(error, IngestError::Schema(_)), "{error:?}");
        let (stop, shutdown) = Shutdown::channel();
        let store = ground.store.clone();
        let joining = tokio::spawn(async move { join_continually(&store, shutdown).await });
        stop.send_replace(true);
        joining.await.unwrap();
    }
}
