//! `aftersend archive verify`.

use aftersend_archive::{Fault, VerifyReport, verify};
use serde_json::json;

use super::{bar, open};
use crate::{Outcome, cli::PlaceArgs, config::Settings, database::Place, output::Output};

pub(super) async fn run(
    args: &PlaceArgs,
    settings: &Settings,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let archive = open("--from", args.store.as_deref(), settings).await?;
    let store = place.store().await?;
    let bar = bar("[{bar:20}] {pos} of {len} objects");
    let report = verify(&store, &archive, &|done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })
    .await?;
    bar.finish_and_clear();
    tell(&report, output)?;
    Ok(if report.holds() { Outcome::Done } else { Outcome::Failed })
}

fn tell(report: &VerifyReport, output: Output) -> anyhow::Result<()> {
    let told: Vec<(&String, String)> =
        report.faults.iter().map(|(name, fault)| (name, sentence(fault))).collect();
    if output.is_json() {
        let faults: Vec<_> =
            told.iter().map(|(name, what)| json!({ "object": name, "what": what })).collect();
        return output.json(&json!({
            "holds": report.holds(), "objects": report.objects, "mails": report.mails, "events": report.events,
            "bytes": report.bytes, "faults": faults,
        }));
    }
    output.text(format!(
        "{} objects of {} bytes are whole, with {} mails and {} events",
        report.objects, report.bytes, report.mails, report.events
    ))?;
    for (name, what) in told {
        output.text(format!("{name}: {what}"))?;
    }
    Ok(())
}

fn sentence(fault: &Fault) -> String {
    match fault {
        Fault::Missing => {
            "missing, and the database counts on it; put it back from a copy of the archive".to_owned()
        }
        Fault::Damaged(reason) => format!("damaged: {reason}; put it back from a copy of the archive"),
        Fault::Differs(reason) => format!("not the one that the database knows: {reason}"),
        Fault::Unknown => "whole, and not known to this database; a restore takes it in".to_owned(),
        Fault::Unfinished => {
            "never finished; its mails are in the database, and the next run removes what this database began"
                .to_owned()
        }
        Fault::Foreign => "no object of an archive".to_owned(),
    }
}
