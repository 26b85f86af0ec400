//! `aftersend archive restore`.

use aftersend_archive::{Restored, Wanted, restore};
use serde_json::json;

use super::{bar, open};
use crate::{Outcome, cli::RestoreArgs, config::Settings, database::Place, output::Output};

pub(super) async fn run(
    args: &RestoreArgs,
    settings: &Settings,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let archive = open("--from", args.place.store.as_deref(), settings).await?;
    let store = place.store().await?;
    let wanted = if args.mails.is_empty() {
        Wanted::All
    } else {
        Wanted::Ids(args.mails.iter().map(|id| id.trim().to_owned()).collect())
    };
    let bar = bar("[{bar:20}] {pos} of {len} objects  {msg}");
    let restored = restore(&store, &archive, &wanted, &|done, all, mails| {
        bar.set_length(all);
        bar.set_position(done);
        bar.set_message(format!("{mails} mails"));
    })
    .await?;
    bar.finish_and_clear();
    tell(&restored, output)?;
    let is_whole =
        restored.damaged.is_empty() && restored.not_found.is_empty() && restored.mails.unreadable.is_empty();
    Ok(if is_whole { Outcome::Done } else { Outcome::Failed })
}

fn tell(restored: &Restored, output: Output) -> anyhow::Result<()> {
    let mails = &restored.mails;
    if output.is_json() {
        let damaged: Vec<_> =
            restored.damaged.iter().map(|(name, what)| json!({ "object": name, "what": what })).collect();
        let unreadable: Vec<_> =
            mails.unreadable.iter().map(|(uuid, what)| json!({ "mail": uuid, "what": what })).collect();
        return output.json(&json!({
            "objects": restored.objects, "restored": mails.restored, "merged": mails.merged, "present": mails.present,
            "withheld": mails.withheld, "erased": mails.erased, "cleaned": mails.cleaned, "late_events": restored.late_events, "unreadable": unreadable,
            "unknown_columns": mails.unknown_columns, "damaged": damaged, "not_found": restored.not_found,
        }));
    }
    output.text(format!(
        "{} mails are back as they were, {} were merged with what is here, {} are here already; {} late events joined them",
        mails.restored, mails.merged, mails.present, restored.late_events
    ))?;
    if mails.withheld > 0 {
        output.text(format!("{} mails were deleted or erased on purpose, and stay away", mails.withheld))?;
    }
    if mails.erased > 0 {
        output.text(format!(
            "{} mails went to people alone who were erased since, and stay away",
            mails.erased
        ))?;
    }
    if mails.cleaned > 0 {
        output.text(format!("{} mails are back without people who were erased since", mails.cleaned))?;
    }
    for column in &mails.unknown_columns {
        output
            .text(format!("note: there is no column {column} here; what stood in it stays in the archive"))?;
    }
    for (uuid, what) in &mails.unreadable {
        output.text(format!("mail {uuid} could not be brought back: {what}"))?;
    }
    for (name, what) in &restored.damaged {
        output.text(format!("object {name} was left out: {what}"))?;
    }
    for id in &restored.not_found {
        output.text(format!("no object has a mail with the id {}", crate::output::plain(id)))?;
    }
    Ok(())
}
