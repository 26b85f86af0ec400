//! `aftersend quarantine`.

mod text;

use std::{
    io::{self, BufRead, IsTerminal, Write},
    time::Duration,
};

use aftersend_ingest::{Refused, Shutdown};
use aftersend_store::{
    QUARANTINE_PAGE_MAX, QuarantineFilter, QuarantineId, QuarantineMatch, Quarantined, QuarantinedMessage,
    Store,
};
use anyhow::{Context, bail};
use serde_json::json;
use uuid::Uuid;

use super::signals;
use crate::{
    Outcome,
    cli::{QuarantineCommand, QuarantineSelection},
    database::Place,
    output::Output,
};

/// How long to wait for a database that is busy or away.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to say when a replay ended before its end.
const AGAIN: &str = "not everything was read anew; run it again, repeats do no harm";

pub(crate) async fn run(
    command: &QuarantineCommand,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let store = place.store().await?;
    match command {
        QuarantineCommand::List { filter, limit, before } => {
            let filter =
                QuarantineFilter { feed: filter.feed.clone(), reason: filter.reason.clone(), uuids: None };
            let before = before.as_deref().map(id).transpose()?.map(QuarantineId::first);
            list(&store, &filter, before, *limit as usize, output).await
        }
        QuarantineCommand::Show { id: text, raw } => {
            let message = read(&store, find(&store, text).await?).await?;
            show(&message, *raw, output)
        }
        QuarantineCommand::Replay { selection } => {
            let filter = filter(&store, selection).await?;
            replay(&store, filter, output).await
        }
        QuarantineCommand::Drop { selection, yes } => {
            let filter = filter(&store, selection).await?;
            drop_all(&store, &filter, *yes, output).await
        }
    }
}

fn id(text: &str) -> anyhow::Result<QuarantineId> {
    text.trim().parse().with_context(|| format!("`{}`", text.escape_debug()))
}

/// The one message that an id names.
async fn find(store: &Store, text: &str) -> anyhow::Result<Quarantined> {
    match store.find_quarantined(id(text)?).await? {
        QuarantineMatch::One(message) => Ok(message),
        QuarantineMatch::None => bail!(
            "no message in the quarantine of the schema {} has an id that begins with {}; `aftersend quarantine \
             list` lists them",
            store.prefix(),
            text.trim()
        ),
        QuarantineMatch::Several => {
            bail!(
                "several messages in the quarantine have ids that begin with {}; give more digits",
                text.trim()
            )
        }
    }
}

async fn read(store: &Store, about: Quarantined) -> anyhow::Result<QuarantinedMessage> {
    let filter = QuarantineFilter { uuids: Some(vec![about.uuid]), ..QuarantineFilter::default() };
    let message = store.read_quarantine(&filter, None, 1).await?.pop();
    message.with_context(|| format!("the message {} has just left the quarantine", about.uuid))
}

/// The messages that are meant: each id must name one.
async fn filter(store: &Store, selection: &QuarantineSelection) -> anyhow::Result<QuarantineFilter> {
    if selection.all {
        return Ok(QuarantineFilter {
            feed: selection.feed.clone(),
            reason: selection.reason.clone(),
            uuids: None,
        });
    }
    let mut uuids = Vec::with_capacity(selection.ids.len());
    for id in &selection.ids {
        uuids.push(find(store, id).await?.uuid);
    }
    uuids.sort_unstable();
    uuids.dedup();
    Ok(QuarantineFilter { uuids: Some(uuids), ..QuarantineFilter::default() })
}

async fn list(
    store: &Store,
    filter: &QuarantineFilter,
    before: Option<Uuid>,
    limit: usize,
    output: Output,
) -> anyhow::Result<Outcome> {
    let page = store.list_quarantine(filter, before, limit).await?;
    if output.is_json() {
        for message in &page.messages {
            output.json(&text::about_json(message))?;
        }
        return Ok(Outcome::Done);
    }
    for message in &page.messages {
        output.text(text::line(message))?;
    }
    match page.messages.last() {
        Some(last) if page.more => {
            output.text(format!("… and older ones: --before {}", last.uuid))?;
        }
        Some(_) => {}
        None if filter.feed.is_none() && filter.reason.is_none() && before.is_none() => {
            output.text("The quarantine is empty")?;
        }
        None => output.text("No message in the quarantine fits")?,
    }
    Ok(Outcome::Done)
}

fn show(message: &QuarantinedMessage, raw: bool, output: Output) -> anyhow::Result<Outcome> {
    if raw {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&message.body)?;
        stdout.flush()?;
    } else if output.is_json() {
        output.json(&text::message_json(message))?;
    } else {
        for line in text::lines(message) {
            output.text(line)?;
        }
    }
    Ok(Outcome::Done)
}

async fn replay(store: &Store, filter: QuarantineFilter, output: Output) -> anyhow::Result<Outcome> {
    let mut on_refused =
        |refused: &Refused| eprintln!("{}: still refused: {}", refused.origin, refused.reason);
    let (sender, shutdown) = Shutdown::channel();
    let running = aftersend_ingest::replay(store, filter, PATIENCE, shutdown, &mut on_refused);
    tokio::pin!(running);
    let mut ended_early = false;
    let (tally, result) = tokio::select! {
        ended = &mut running => ended,
        requested = signals::requested() => {
            requested?;
            // The batch under way is finished: its messages leave the quarantine with it.
            sender.send_replace(true);
            ended_early = true;
            running.await
        }
    };
    // Also after an error: what was done is done.
    if output.is_json() {
        output.json(&text::Summary::from(tally))?;
    } else {
        output.text(text::tally(&tally))?;
    }
    result.context(AGAIN)?;
    if ended_early {
        bail!(AGAIN);
    }
    Ok(if tally.quarantined > 0 { Outcome::Failed } else { Outcome::Done })
}

/// Drops what fits, and nothing that came after the question.
async fn drop_all(
    store: &Store,
    filter: &QuarantineFilter,
    yes: bool,
    output: Output,
) -> anyhow::Result<Outcome> {
    let newest = store.list_quarantine(filter, None, 1).await?.messages.pop();
    let mut dropped = 0;
    if let Some(newest) = newest {
        let end = Uuid::from_u128(newest.uuid.as_u128().saturating_add(1));
        if !yes {
            let size = store.count_quarantined(filter, Some(end)).await?;
            if !agreed(size.messages)? {
                bail!("nothing was dropped");
            }
        }
        let mut before = end;
        loop {
            let page = store.list_quarantine(filter, Some(before), QUARANTINE_PAGE_MAX).await?;
            let Some(last) = page.messages.last() else { break };
            before = last.uuid;
            let uuids: Vec<Uuid> = page.messages.iter().map(|message| message.uuid).collect();
            dropped += store
                .drop_quarantined(&uuids)
                .await
                .with_context(|| format!("{dropped} were dropped; run it again for the rest"))?;
            if !page.more {
                break;
            }
        }
    }
    if output.is_json() {
        output.json(&json!({ "dropped": dropped }))?;
    } else {
        output.text(format!("{dropped} dropped"))?;
    }
    Ok(Outcome::Done)
}

/// Whether a person agrees to lose so many messages. Without a person to ask, nobody does.
fn agreed(messages: u64) -> anyhow::Result<bool> {
    let counted = text::counted(messages);
    if !io::stdin().is_terminal() {
        bail!(
            "{counted} would be dropped for good, and there is no terminal to ask on: say --yes, or look first \
             with `aftersend quarantine list`"
        );
    }
    eprint!("Drop {counted} for good? [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(text::is_yes(&answer))
}
