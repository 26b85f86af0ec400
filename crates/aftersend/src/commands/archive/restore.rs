//! `aftersend archive restore`.

use aftersend_archive::{ArchivePlace, Restored, Wanted, restore};
use serde_json::json;

use super::{address, bar};
use crate::{
    Outcome, cli::RestoreArgs, commands::migrate::text, config::Settings, database::Place, output::Output,
};

pub(super) async fn run(
    args: &RestoreArgs,
    settings: &Settings,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let archive =
        ArchivePlace::open_existing(address("--from", args.place.store.as_deref(), settings)?).await?;
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
        bar.set_message(mails_of(mails));
    })
    .await?;
    bar.finish_and_clear();
    tell(&restored, &archive, output)?;
    let is_whole =
        restored.damaged.is_empty() && restored.not_found.is_empty() && restored.mails.unreadable.is_empty();
    Ok(if is_whole { Outcome::Done } else { Outcome::Failed })
}

fn tell(restored: &Restored, archive: &ArchivePlace, output: Output) -> anyhow::Result<()> {
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
    if restored.objects == 0 && restored.damaged.is_empty() {
        output.text(format!("no object is in {}: nothing was brought back", archive.shown()))?;
    } else if mails.restored == 0 {
        output.text(format!(
            "no mail was brought back; {} read",
            text::count_of(restored.objects, "object", "objects")
        ))?;
    }
    for (count, what) in [
        (mails.restored, "brought back whole"),
        (mails.merged, "merged with what is here"),
        (mails.present, "here already"),
        (mails.withheld, "not brought back: deleted or erased on purpose"),
        (mails.erased, "not brought back: sent to people alone who were erased since"),
        (mails.cleaned, "among them, back without people who were erased since"),
    ] {
        if count > 0 {
            output.text(format!("{} {what}", mails_of(count as u64)))?;
        }
    }
    if restored.late_events > 0 {
        let events = text::count_of(restored.late_events as u64, "late event", "late events");
        output.text(format!("{events} stored with these mails"))?;
    }
    for column in &mails.unknown_columns {
        output
            .text(format!("note: there is no column {column} here; what stood in it stays in the archive"))?;
    }
    for (uuid, what) in &mails.unreadable {
        output.text(format!("mail {uuid} could not be brought back: {what}"))?;
    }
    for (name, what) in &restored.damaged {
        output.text(format!(
            "object {name} was left out: {what}. Put it back from a copy of the archive, then run this again"
        ))?;
    }
    for id in &restored.not_found {
        output.text(format!("no object has a mail with the id {}", crate::output::plain(id)))?;
    }
    Ok(())
}

fn mails_of(count: u64) -> String {
    text::count_of(count, "mail", "mails")
}
