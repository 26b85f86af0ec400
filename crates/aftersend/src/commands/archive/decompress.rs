//! `aftersend archive decompress`.

use std::time::{Duration, Instant};

use aftersend_store::{DecompressReport, Decompressor, IngestError};
use serde_json::json;

use super::{
    progress::{Shown, bytes},
    run::BODY_FIX,
};
use crate::{Outcome, commands::migrate::text, database::Place, output::Output};

/// How long to wait for a database that is busy or away.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(200);

/// How often all are gone through again for what was put off.
const PASSES_MAX: usize = 10;

pub(super) async fn run(place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let store = place.store().await?;
    let began = Instant::now();
    let mut decompressor = Decompressor::new(&store);
    let mut shown = Shown::new(store.estimate_stored_bodies().await?);
    let mut sum = DecompressReport::default();
    for _ in 0..PASSES_MAX {
        (sum.damaged, sum.put_off, sum.is_through) = (0, 0, false);
        while !sum.is_through {
            sum += patiently(&mut decompressor).await?;
            let put_back = text::count_of(sum.put_back, "body", "bodies");
            let says = format!("{put_back}, {} in all", bytes(sum.body_bytes));
            shown.report(sum.put_back + sum.outdated + sum.damaged, &says);
        }
        if sum.put_off == 0 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    drop(shown);
    if output.is_json() {
        output.json(&json!({
            "bodies": sum.put_back,
            "body_bytes": sum.body_bytes,
            "outdated": sum.outdated,
            "damaged": sum.damaged,
            "first_damaged": sum.first_damaged,
            "put_off": sum.put_off,
            "seconds": began.elapsed().as_secs_f64(),
        }))?;
    } else {
        for line in said(&sum) {
            output.text(line)?;
        }
    }
    Ok(if sum.damaged > 0 || sum.put_off > 0 { Outcome::Failed } else { Outcome::Done })
}

fn said(sum: &DecompressReport) -> Vec<String> {
    let bodies = |count: u64| text::count_of(count, "body", "bodies");
    let mut lines = vec![match sum.put_back {
        0 => "no body was put back into its mail".to_owned(),
        1 => format!("1 body of {} stands in its mail again", bytes(sum.body_bytes)),
        put_back => {
            format!("{} of {} in all stand in their mails again", bodies(put_back), bytes(sum.body_bytes))
        }
    }];
    if sum.outdated > 0 {
        let outdated = bodies(sum.outdated);
        lines.push(format!(
            "{outdated} deleted, which were stored: the application has changed the mails since"
        ));
    }
    if sum.put_off > 0 {
        let put_off = bodies(sum.put_off);
        lines.push(format!(
            "{put_off} left compressed: somebody holds the mails; run this again when that is over"
        ));
    }
    if let Some(mail) = sum.first_damaged {
        lines.push(format!(
            "{} left compressed: damaged, the first that of mail {mail}; {BODY_FIX}; then run this again",
            bodies(sum.damaged)
        ));
    }
    if sum.put_back + sum.outdated + sum.put_off + sum.damaged == 0 {
        return vec!["no body is compressed: there was nothing to put back".to_owned()];
    }
    lines
}

/// A round, again where the database is busy or away for a while.
async fn patiently(decompressor: &mut Decompressor) -> anyhow::Result<DecompressReport> {
    let began = Instant::now();
    loop {
        match decompressor.round().await {
            Ok(report) => return Ok(report),
            Err(IngestError::Repeat(_) | IngestError::Away(_)) if began.elapsed() < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
