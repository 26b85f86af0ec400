//! Whatever went to the archive and came back in between, in the end the database says what the events say.

use aftersend_simulator::simulate;
use fastrand::Rng;

use super::ground::{Ground, is_event, later, plan};
use crate::{RunOptions, run};

/// Messages in any order, cut anywhere, with runs and restores between them.
async fn archive_and_restore_leave_no_trace(seed: u64) {
    let traffic = simulate(&plan(seed));
    let mut messages: Vec<&[u8]> =
        traffic.messages.iter().map(Vec::as_slice).filter(|m| is_event(m)).collect();
    let mut rng = Rng::with_seed(seed);
    rng.shuffle(&mut messages);
    let ground = Ground::new().await;
    let (mut stored, mut late, mut removed) = (0, 0, 0);
    while !messages.is_empty() {
        let part = messages.split_off(messages.len() - rng.usize(1..=messages.len().min(120)));
        let report = ground.ingest(&part).await;
        stored += report.stored + report.folded;
        late += report.late;
        match rng.usize(0..4) {
            0 | 1 => {
                // Up to any time, so that of some quarters only some mails are gone.
                let before = traffic
                    .truth
                    .mails
                    .values()
                    .map(|mail| mail.sent_at)
                    .nth(rng.usize(0..traffic.truth.mails.len()));
                let options = RunOptions {
                    delete_archived: rng.bool(),
                    object_mails_max: rng.u64(1..40),
                    ..RunOptions::before(before.unwrap_or_else(later))
                };
                removed += run(&ground.store, &ground.place, options, &|_| ()).await.unwrap().removed.removed;
            }
            2 => {
                let restored = ground.restore().await;
                assert!(restored.mails.unreadable.is_empty() && restored.damaged.is_empty(), "{restored:?}");
                // So that they may leave again.
                ground.run_sql(r#"UPDATE "prefix".aftersend_archived_mails SET restored_at = NULL"#).await;
            }
            _ => {}
        }
    }
    ground.archive(true).await;
    ground.assert_verified().await;
    assert_eq!(ground.count("phoenix_kit_email_logs").await, 0, "seed {seed}");
    let away = ground.figures().await;
    let restored = ground.restore().await;
    assert!(restored.mails.unreadable.is_empty() && restored.damaged.is_empty(), "{restored:?}");
    let verdict = ground.store.compare(&traffic.truth).await.unwrap();
    assert!(verdict.holds(), "seed {seed}: {:#?}", &verdict.differences[..verdict.differences.len().min(5)]);
    assert!(
        late > 0 && removed > 0 && stored > 0,
        "seed {seed}: {late} late, {removed} removed, {stored} stored"
    );
    // The sums hold what is here, whatever they held in between; what was late is in them only now.
    let here = ground.figures().await;
    assert_eq!(ground.recounted_figures().await, here, "seed {seed}");
    assert!(!away.is_empty());
    let left = ground
        .texts(
            r#"SELECT starts_at::text FROM "prefix".aftersend_removed_figures
               GROUP BY starts_at, template_name HAVING sum(mails + delivered + opened + clicked + hard_bounced) <> 0"#,
        )
        .await;
    assert!(left.is_empty(), "seed {seed}: {left:?}");
}

#[tokio::test]
async fn archive_and_restore_leave_no_trace_as_ever() {
    archive_and_restore_leave_no_trace(1).await;
}

#[tokio::test]
async fn archive_and_restore_leave_no_trace_at_random() {
    let seed = fastrand::u64(2..1 << 40);
    archive_and_restore_leave_no_trace(seed).await;
}
