//! `aftersend search`.

use std::io::{BufWriter, Write};

use aftersend_store::{
    MailPage, MailSummary, Order, PageStart, Search, Store,
    search::{
        ExportFormat, MailCount,
        query::{Clock, Condition, Query, SearchTextError, Statuses, Term},
    },
};
use serde_json::json;

use crate::{
    Outcome,
    cli::SearchArgs,
    database::Place,
    output::{Output, column},
};

pub(crate) async fn run(args: &SearchArgs, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let query = query(args)?;
    let store = place.store().await?;
    if let Some(format) = args.format {
        export(&store, query, order(args), format).await?;
        return Ok(Outcome::Done);
    }
    if args.count {
        count(&store, &query, output).await?;
        return Ok(Outcome::Done);
    }
    let page = match (args.from, order(args)) {
        (None, _) => PageStart::First,
        (Some(place), Order::NewestFirst) => PageStart::OlderThan(place),
        (Some(place), Order::OldestFirst) => PageStart::NewerThan(place),
    };
    let mails_max = args.limit as usize;
    let search = Search { order: order(args), page, mails_max, ..Search::new(query) };
    let found = store.search(&search).await?;
    list(&store, &search, &found, output).await?;
    Ok(Outcome::Done)
}

fn query(args: &SearchArgs) -> Result<Query, SearchTextError> {
    let query: Query = args.words.join(" ").parse()?;
    match args.status.and_then(|status| Statuses::new([status])) {
        None => Ok(query),
        Some(statuses) => query
            .with(Term::is(Condition::Status(statuses)))
            .map_err(|fault| SearchTextError { at: 1, fault }),
    }
}

fn order(args: &SearchArgs) -> Order {
    if args.oldest_first { Order::OldestFirst } else { Order::NewestFirst }
}

async fn list(store: &Store, search: &Search, found: &MailPage, output: Output) -> anyhow::Result<()> {
    if output.is_json() {
        for mail in &found.mails {
            output.json(&summary(mail))?;
        }
        if let Some(looked_until) = found.looked_until {
            eprintln!("note: the time was up; every mail until {looked_until} was looked at");
        }
        return Ok(());
    }
    if found.mails.is_empty() && found.looked_until.is_none() {
        output.text(nothing(store, search).await?)?;
        return Ok(());
    }
    for mail in &found.mails {
        output.text(format!(
            "{}  {}  {}  {}  {}",
            mail.sent_at.strftime("%Y-%m-%d %H:%M:%SZ"),
            column(&mail.status, 12),
            column(&mail.to, 32),
            column(mail.subject.as_deref().unwrap_or("(no subject)"), 40),
            mail.uuid,
        ))?;
    }
    let (what, further) = match search.order {
        Order::NewestFirst => ("older", found.older),
        Order::OldestFirst => ("newer", found.newer),
    };
    let Some(further) = further else { return Ok(()) };
    match found.looked_until {
        None => output.text(format!("… and {what} ones: the same with --from {further}"))?,
        Some(looked_until) => output.text(format!(
            "… the time was up at mails of {}; the same with --from {further} goes on from there",
            looked_until.strftime("%Y-%m-%d %H:%M:%SZ")
        ))?,
    }
    Ok(())
}

/// What to say of an empty page.
async fn nothing(store: &Store, search: &Search) -> anyhow::Result<String> {
    if search.page != PageStart::First {
        return Ok("No more mails".to_owned());
    }
    if !search.query.is_empty() {
        return Ok(format!("No mail fits: {}", search.query));
    }
    let waiting = match store.parked().await?.events {
        0 => return Ok("No mail yet; `aftersend ingest` takes events in".to_owned()),
        1 => "1 event waits".to_owned(),
        events => format!("{events} events wait"),
    };
    Ok(format!(
        "No mail yet; {waiting} for a mail that the application has not logged. After a while, an hour unless told \
         otherwise (--park-for), `aftersend serve` or `aftersend ingest` makes the mail from its events"
    ))
}

async fn count(store: &Store, query: &Query, output: Output) -> anyhow::Result<()> {
    let count = store.count_mails(query, &Clock::utc()).await?;
    if output.is_json() {
        let (mails, exact) = match count {
            MailCount::Exactly(mails) => (mails, true),
            MailCount::About(mails) => (mails, false),
        };
        return output.json(&json!({ "mails": mails, "exact": exact }));
    }
    Ok(output.text(count.to_string())?)
}

/// Writes all mails that fit to standard output, a batch at a time.
async fn export(store: &Store, query: Query, order: Order, format: ExportFormat) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    out.write_all(format.header().as_bytes())?;
    let mut export = store.export(query, Clock::utc(), order);
    let mut lines = String::new();
    loop {
        let mails = export.next_batch().await?;
        if mails.is_empty() {
            break;
        }
        lines.clear();
        for mail in &mails {
            format.write(mail, &mut lines);
        }
        out.write_all(lines.as_bytes())?;
    }
    Ok(out.flush()?)
}

/// A mail for machines.
pub(crate) fn summary(mail: &MailSummary) -> serde_json::Value {
    json!({
        "uuid": mail.uuid,
        "message_id": mail.message_id,
        "aws_message_id": mail.aws_message_id,
        "status": mail.status,
        "to": mail.to,
        "from": mail.from,
        "subject": mail.subject,
        "template_name": mail.template_name,
        "campaign_id": mail.campaign_id,
        "sent_at": mail.sent_at.to_string(),
    })
}
