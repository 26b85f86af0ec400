//! `aftersend archive verify`.

use aftersend_archive::{Fault, VerifyReport, verify};
use serde_json::json;

use super::{address, bar, existing, progress::bytes};
use crate::{
    Outcome, cli::PlaceArgs, commands::migrate::text, config::Settings, database::Place, output::Output,
};

pub(super) async fn run(
    args: &PlaceArgs,
    settings: &Settings,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let url = address("--from", args.store.as_deref(), settings)?;
    let store = place.store().await?;
    let bar = bar("[{bar:20}] {pos} of {len} objects");
    let watch = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let report = match existing(url, &store).await? {
        Some(archive) => verify(&store, &archive, &watch).await?,
        None => VerifyReport::default(),
    };
    bar.finish_and_clear();
    tell(&report, url, output)?;
    Ok(if report.holds() { Outcome::Done } else { Outcome::Failed })
}

fn tell(report: &VerifyReport, url: &str, output: Output) -> anyhow::Result<()> {
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
    let (mails, events) =
        (text::count_of(report.mails, "mail", "mails"), text::count_of(report.events, "event", "events"));
    let (whole, bytes) = (text::number(report.objects), bytes(report.bytes));
    output.text(match report.objects {
        0 => format!("no whole object is in {url}"),
        1 => format!("1 object of {bytes} is whole, with {mails} and {events}"),
        _ => format!("{whole} objects of {bytes} in all are whole, with {mails} and {events}"),
    })?;
    for (name, what) in told {
        output.text(format!("{name}: {what}"))?;
    }
    let harmful = report.faults.values().filter(|fault| fault.is_harmful()).count() as u64;
    if harmful > 0 {
        let objects = text::count_of(harmful, "object that", "objects that");
        output.text(format!("{objects} the database counts on can't be restored from as the archive is"))?;
    } else if report.objects == 0 && report.faults.is_empty() {
        output.text("the database counts on none, so that nothing is missing")?;
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
