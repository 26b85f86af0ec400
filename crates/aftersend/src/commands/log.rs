//! `aftersend log`.

use std::{fmt, io, path::Path, time::Duration};

use aftersend_ingest::{Documents, FoundDocument};
use aftersend_store::{
    BadMail, IngestError, LOG_LINE_BYTES_MAX, LogOutcome, LogRefusal, Logged, LoggedMail, Store,
};
use anyhow::Context;
use serde_json::json;
use tokio::time::Instant;

use crate::{Outcome, cli::LogArgs, database::Place, output::Output};

/// How long to wait for a database that is busy or away, and the first pause.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

const AGAIN: &str = "not every mail was logged; run it again, repeats do no harm";

pub(crate) async fn run(args: &LogArgs, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let name = if args.path == Path::new("-") {
        "standard input".to_owned()
    } else {
        args.path.display().to_string()
    };
    // Before the database: a wrong name is told at once.
    let mut documents = Documents::open(&args.path, LOG_LINE_BYTES_MAX).with_context(|| name.clone())?;
    let store = place.store().await?;
    let mut teller = Teller { name, output, is_quiet: args.quiet, tally: Tally::default() };
    let result = log_all(&store, &mut documents, &mut teller).await;
    // Also after an error: what was done is done.
    eprintln!("{}", teller.tally);
    result.with_context(|| format!("{}: {AGAIN}", teller.name))?;
    Ok(if teller.tally.refused > 0 { Outcome::Failed } else { Outcome::Done })
}

async fn log_all(store: &Store, documents: &mut Documents, teller: &mut Teller) -> anyhow::Result<()> {
    while let Some(found) = documents.next_documents()? {
        let (mut lines, mut mails) = (Vec::with_capacity(found.len()), Vec::with_capacity(found.len()));
        for document in found {
            match read(&document) {
                Ok(mail) => {
                    lines.push(document.line);
                    mails.push(mail);
                }
                Err(fault) => teller.refused(document.line, &fault)?,
            }
        }
        let outcomes = log_patiently(store, &mails).await?;
        for (line, outcome) in lines.into_iter().zip(outcomes) {
            teller.logged(line, outcome)?;
        }
    }
    Ok(())
}

fn read(document: &FoundDocument) -> Result<LoggedMail, BadMail> {
    match document.overlong_bytes {
        Some(_) => Err(BadMail::TooLong),
        None => LoggedMail::from_json(&document.body),
    }
}

/// Logs them, again where the database is busy or away.
async fn log_patiently(
    store: &Store,
    mails: &[LoggedMail],
) -> Result<Vec<Result<Logged, LogRefusal>>, IngestError> {
    let began = Instant::now();
    let mut pause = PAUSE;
    loop {
        match store.log_mails(mails).await {
            Err(IngestError::Repeat(_) | IngestError::Away(_)) if began.elapsed() < PATIENCE => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            outcomes => return outcomes,
        }
    }
}

/// What became of the lines.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    created: u64,
    joined: u64,
    updated: u64,
    unchanged: u64,
    refused: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { created, joined, updated, unchanged, refused } = self;
        let all = created + joined + updated + unchanged + refused;
        write!(
            f,
            "{all} mails: {created} created, {joined} joined with their events, {updated} updated, {unchanged} \
             unchanged, {refused} refused"
        )
    }
}

/// Tells what becomes of each line.
struct Teller {
    name: String,
    output: Output,
    is_quiet: bool,
    tally: Tally,
}

impl Teller {
    fn logged(&mut self, line: u64, outcome: Result<Logged, LogRefusal>) -> anyhow::Result<()> {
        let Logged { uuid, message_id, outcome } = match outcome {
            Ok(logged) => logged,
            Err(refusal) => return self.refused(line, &refusal),
        };
        *match outcome {
            LogOutcome::Created => &mut self.tally.created,
            LogOutcome::Joined => &mut self.tally.joined,
            LogOutcome::Updated => &mut self.tally.updated,
            LogOutcome::Unchanged => &mut self.tally.unchanged,
        } += 1;
        let outcome = outcome.name();
        self.say(&json!({ "line": line, "uuid": uuid, "message_id": message_id, "outcome": outcome }))
    }

    fn refused(&mut self, line: u64, fault: &impl fmt::Display) -> anyhow::Result<()> {
        self.tally.refused += 1;
        eprintln!("{}: line {line}: refused: {fault}", self.name);
        self.say(&json!({ "line": line, "outcome": "refused", "reason": fault.to_string() }))
    }

    /// Whoever has read enough of it does not keep the other mails from being logged.
    fn say(&mut self, line: &serde_json::Value) -> anyhow::Result<()> {
        if self.is_quiet {
            return Ok(());
        }
        match self.output.text(line.to_string()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_quiet = true;
                Ok(())
            }
            said => Ok(said?),
        }
    }
}
