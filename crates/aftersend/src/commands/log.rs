//! `aftersend log`.

use std::{fmt, io, path::Path, time::Duration};

use aftersend_ingest::{Documents, FoundDocument};
use aftersend_store::{
    BadMail, IngestError, LOG_CHUNK_MAILS_MAX, LOG_LINE_BYTES_MAX, LogBrokenOff, LogOutcome, LogRefusal,
    Logged, LoggedMail, Store,
};
use anyhow::{Context, anyhow};
use serde_json::json;
use tokio::time::Instant;

use crate::{Outcome, cli::LogArgs, database::Place, output::Output};

/// How long to wait for a database that is busy or away, and the first pause.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) async fn run(args: &LogArgs, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let name = if args.path == Path::new("-") {
        "standard input".to_owned()
    } else {
        args.path.display().to_string()
    };
    // Before the database: a wrong name is told at once.
    let mut documents = Documents::open(&args.path, LOG_LINE_BYTES_MAX).with_context(|| name.clone())?;
    let store = place.store().await?;
    let mut teller = Teller { name, output, is_quiet: args.quiet, unsaid: None, tally: Tally::default() };
    let result = log_all(&store, &mut documents, &mut teller).await;
    // Also after an error: what was done is done.
    eprintln!("{}", teller.tally);
    result.map_err(|Stopped { error, rest }| anyhow!("{}: {error:#}; {rest}", teller.name))?;
    Ok(if teller.tally.refused > 0 { Outcome::Failed } else { Outcome::Done })
}

/// Why the mails were not all logged, and which are left.
struct Stopped {
    error: anyhow::Error,
    rest: Rest,
}

/// What is left to log, by the lines in which mails begin. Each mail before was answered for: logged, or refused for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// From this line on; of so many mails from there on some may be logged, since the database's answer got lost.
    From { line: u64, uncertain: usize },
    /// Behind the mail in this line; all where there is none.
    Behind(Option<u64>),
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From { line, uncertain } => {
                write!(f, "what stands before line {line} is done: go on from there")?;
                if *uncertain > 0 {
                    write!(f, ", where up to {uncertain} mails may be logged already")?;
                }
            }
            Self::Behind(Some(line)) => {
                write!(f, "what stands up to line {line} is done: go on with the next mail")?;
            }
            Self::Behind(None) => return f.write_str("no mail was logged"),
        }
        f.write_str(
            ". To log a mail again does no harm where it has a `message_id` or an `aws_message_id`; without both it \
             becomes one more",
        )
    }
}

async fn log_all(store: &Store, documents: &mut Documents, teller: &mut Teller) -> Result<(), Stopped> {
    let mut last = None;
    loop {
        let stopped = |error: io::Error, last| Stopped { error: error.into(), rest: Rest::Behind(last) };
        let Some(found) = documents.next_documents().map_err(|error| stopped(error, last))? else {
            return Ok(());
        };
        last = found.last().map(|document| document.line).or(last);
        let (mut lines, mut mails) = (Vec::with_capacity(found.len()), Vec::with_capacity(found.len()));
        for document in found {
            match read(&document) {
                Ok(mail) => {
                    lines.push(document.line);
                    mails.push(mail);
                }
                Err(fault) => teller.refused(document.line, &fault),
            }
        }
        log_found(store, &lines, &mails, teller).await?;
        if let Some(error) = teller.unsaid.take() {
            return Err(stopped(error, last));
        }
    }
}

fn read(document: &FoundDocument) -> Result<LoggedMail, BadMail> {
    match document.overlong_bytes {
        Some(_) => Err(BadMail::TooLong),
        None => LoggedMail::from_json(&document.body),
    }
}

/// Logs them, and what is left of them again where the database is busy or away. What is committed is answered before
/// more is tried, and not tried again.
async fn log_found(
    store: &Store,
    lines: &[u64],
    mails: &[LoggedMail],
    teller: &mut Teller,
) -> Result<(), Stopped> {
    let mut done = 0;
    let (mut began, mut pause, mut is_uncertain) = (Instant::now(), PAUSE, false);
    while done < mails.len() {
        let chunk = &mails[done..mails.len().min(done + LOG_CHUNK_MAILS_MAX)];
        let (outcomes, error) = match store.log_mails(chunk).await {
            Ok(outcomes) => (outcomes, None),
            Err(LogBrokenOff { outcomes, error }) => (outcomes, Some(error)),
        };
        if !outcomes.is_empty() {
            (began, pause, is_uncertain) = (Instant::now(), PAUSE, false);
        }
        let left = chunk.len() - outcomes.len();
        for outcome in outcomes {
            teller.logged(lines[done], outcome);
            done += 1;
        }
        // A commit may have been done whose answer got lost.
        is_uncertain |= matches!(error, Some(IngestError::Away(_)));
        match error {
            None => {}
            Some(IngestError::Repeat(_) | IngestError::Away(_)) if began.elapsed() < PATIENCE => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Some(error) => {
                let uncertain = if is_uncertain { left } else { 0 };
                let rest = Rest::From { line: lines[done], uncertain };
                return Err(Stopped { error: error.into(), rest });
            }
        }
    }
    Ok(())
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
    /// Why answers can't be written any more.
    unsaid: Option<io::Error>,
    tally: Tally,
}

impl Teller {
    fn logged(&mut self, line: u64, outcome: Result<Logged, LogRefusal>) {
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
        self.say(&json!({ "line": line, "uuid": uuid, "message_id": message_id, "outcome": outcome }));
    }

    fn refused(&mut self, line: u64, fault: &impl fmt::Display) {
        self.tally.refused += 1;
        eprintln!("{}: line {line}: refused: {fault}", self.name);
        self.say(&json!({ "line": line, "outcome": "refused", "reason": fault.to_string() }));
    }

    /// Whoever has read enough of it does not keep the other mails from being logged. Any other fault is noted: what is
    /// logged by then is counted first.
    fn say(&mut self, line: &serde_json::Value) {
        if self.is_quiet {
            return;
        }
        if let Err(error) = self.output.text(line.to_string()) {
            self.is_quiet = true;
            self.unsaid = Some(error).filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        }
    }
}
