//! The database against the truth about the demo's traffic.

use aftersend_ingest::Tally;
use aftersend_simulator::Traffic;
use aftersend_store::{Store, Verdict};

/// Differences that are printed; the rest is counted.
pub(super) const DIFFERENCES_SHOWN_MAX: usize = 20;

pub(super) async fn run(store: &Store, traffic: &Traffic, tally: &Tally) -> anyhow::Result<Verdict> {
    let truth = &traffic.truth;
    let mut verdict = store.compare(truth).await?;
    verdict.expect("the number of received messages", &tally.received, &truth.messages);
    verdict.expect("the number of control messages", &tally.control, &truth.controls);
    verdict.expect("the number of quarantined messages", &tally.quarantined, &truth.malformed);
    verdict.expect(
        "stored and folded events together",
        &(tally.stored + tally.folded),
        &truth.distinct_events,
    );
    let counts = store.count_all().await?;
    verdict.expect("the number of events with a row", &counts.events, &(tally.stored as u64));
    verdict.expect("the number of folded events", &counts.folded, &(tally.folded as u64));
    Ok(verdict)
}
