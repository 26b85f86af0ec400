//! `aftersend archive decompress`.

use std::time::{Duration, Instant};

use aftersend_store::{DecompressReport, Decompressor, IngestError};
use serde_json::json;

use super::progress::{Shown, bytes};
use crate::{Outcome, database::Place, output::Output};

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
            let says = format!("{} bodies of {}", sum.put_back, bytes(sum.body_bytes));
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
        output.text(format!(
            "{} bodies of {} stand in their mails again",
            sum.put_back,
            bytes(sum.body_bytes)
        ))?;
        if sum.outdated > 0 {
            output.text(format!(
                "{} stored ones went: the application has changed its mails since",
                sum.outdated
            ))?;
        }
        if sum.put_off > 0 {
            output.text(format!("{} stay: somebody holds their mails; say it again later", sum.put_off))?;
        }
        if let Some(mail) = sum.first_damaged {
            output
                .text(format!("{} can't be read and stay, the first of them of mail {mail}", sum.damaged))?;
        }
    }
    Ok(if sum.damaged > 0 || sum.put_off > 0 { Outcome::Failed } else { Outcome::Done })
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
