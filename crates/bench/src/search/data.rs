//! The mails that are searched: made once, on tables without their further indexes, then brought to the newest step by the
//! program's own migration.

use aftersend_store::{FigureKeeper, Prefix, Store, TagNames};
use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;
use tokio_postgres::Row;

use super::kept::{Kept, Note};
use crate::{
    cli::SearchOptions, data, disk::BYTES_OF_SERVER, product::Product, progress::say, server::PrivateServer,
    session::Session, statistics::rounded,
};

const FUNCTIONS: &str = include_str!("../sql/search/functions.sql");
const MAILS: &str = include_str!("../sql/search/mails.sql");
const EVENTS: &str = include_str!("../sql/search/events.sql");
const RECIPIENTS: &str = include_str!("../sql/search/recipients.sql");
const INDEXES: &str = include_str!("../sql/search/indexes.sql");
const SIZES: &str = include_str!("../sql/search/sizes.sql");

/// The database.
pub(super) const NAME: &str = "mails";

/// How many mails a statement makes.
const CHUNK_MAILS: u32 = 50_000;

/// A mail with its events and all indexes (3,011 bytes, measured with 200,000 mails), and files of sorts.
const BYTES_PER_MAIL: u64 = 3_200;

/// What a server on data that is there already may still write: its log of changes, and files of sorts.
const BYTES_OF_REUSE: u64 = BYTES_OF_SERVER;

/// More than PostgreSQL's default, to build indexes in fewer passes. Of the sessions that make the data only: what is
/// measured has the default.
const MAKING_MEMORY: &str = "ALTER DATABASE mails SET maintenance_work_mem = '512MB'";
const USUAL_MEMORY: &str = "ALTER DATABASE mails RESET maintenance_work_mem";

/// How much room all of it takes.
pub(crate) fn bytes_needed(options: &SearchOptions, kept: &Kept) -> u64 {
    if kept.note().is_some() {
        BYTES_OF_REUSE
    } else {
        u64::from(options.mails) * BYTES_PER_MAIL + BYTES_OF_SERVER
    }
}

/// What is searched.
#[derive(Debug, Serialize)]
pub(super) struct Sizes {
    pub(super) mails: u32,
    events: i64,
    recipients: i64,
    database_bytes: i64,
    /// Whether an earlier bench made it.
    reused: bool,
    made_at: String,
    made_in_seconds: u64,
    /// Quarters of an hour whose sums this bench had counted before it asked for anything, and how long that took.
    quarters_counted: usize,
    quarters_counted_in_seconds: f64,
}

/// Makes the database where there is none yet, and looks at it.
pub(super) async fn prepare(
    options: &SearchOptions,
    product: &Product,
    server: &PrivateServer,
    found: Option<Note>,
) -> anyhow::Result<Sizes> {
    let reused = found.is_some();
    let note = match found {
        Some(note) => {
            say(format!("reusing the mails made at {}", note.made_at));
            // A newer program may have a step more.
            product
                .bring_up_to_date(&server.address(NAME))
                .await
                .context("bringing the database up to date")?;
            note
        }
        None => make(options.mails, product, server).await?,
    };
    let began = Instant::now();
    let quarters_counted =
        keep_figures(&server.address(NAME)).await.context("keeping the sums of figures")?;
    let quarters_counted_in_seconds = rounded(began.elapsed().as_secs_f64());
    let session = Session::open(&server.address(NAME), "bench").await?;
    if quarters_counted > 0 {
        data::settle(&session).await?;
    }
    let bytes = session.query_one("SELECT pg_database_size(current_database())", &[]).await?.get(0);
    Ok(Sizes {
        mails: note.mails,
        events: note.events,
        recipients: note.recipients,
        database_bytes: bytes,
        reused,
        made_at: note.made_at,
        made_in_seconds: note.made_in_seconds,
        quarters_counted,
        quarters_counted_in_seconds,
    })
}

/// Has the sums of figures counted as `aftersend serve` does, but to the end: a site that has run for a while has them.
async fn keep_figures(address: &str) -> anyhow::Result<usize> {
    let store = Store::open(&address.parse()?, Prefix::default(), TagNames::default()).await?;
    let mut keeper = FigureKeeper::new(&store).at_once();
    let mut counted = 0;
    say("counting sums of figures");
    loop {
        let report = keeper.round().await?;
        ensure!(!report.is_elsewhere, "another program is at it");
        counted += report.counted;
        if report.is_through {
            return Ok(counted);
        }
    }
}

async fn make(mails: u32, product: &Product, server: &PrivateServer) -> anyhow::Result<Note> {
    let (began_at, address) = (Timestamp::now(), server.address(NAME));
    let session = data::open_new(server, product, NAME).await?;
    session.batch_execute(MAKING_MEMORY).await?;
    session.batch_execute("SET maintenance_work_mem = '512MB'").await?;
    session.batch_execute(FUNCTIONS).await?;
    let indexes = session.query(INDEXES, &[]).await.context("listing indexes")?;
    for index in &indexes {
        session.batch_execute(index.get("drop")).await.context("dropping an index")?;
    }
    fill(&session, mails).await?;
    say("building the indexes");
    for index in &indexes {
        session.batch_execute(index.get("make")).await.context("building an index")?;
    }
    // The steps plan by what the tables hold.
    session.batch_execute("ANALYZE").await?;
    drop(session);

    say("bringing the database to the newest step");
    product.bring_up_to_date(&address).await.context("taking the database to the newest step")?;
    let session = Session::open(&address, "bench generator").await?;
    session.batch_execute(data::NO_TRIGGERS).await?;
    say("writing recipients");
    session.execute(RECIPIENTS, &[]).await.context("writing recipients")?;
    session.batch_execute(USUAL_MEMORY).await?;
    say("vacuuming");
    data::settle(&session).await?;
    let row = session.query_one(SIZES, &[]).await.context("counting what was generated")?;
    let note = check(&row, mails, began_at)?;
    Kept::finish(server.folder(), &note)?;
    Ok(note)
}

async fn fill(session: &Session, mails: u32) -> anyhow::Result<()> {
    let total = i64::from(mails);
    for first in (1..=mails).step_by(CHUNK_MAILS as usize) {
        let last = mails.min(first.saturating_add(CHUNK_MAILS - 1));
        let (from, to) = (i64::from(first), i64::from(last));
        session.execute(MAILS, &[&from, &to, &total]).await.context("generating mails")?;
        session.execute(EVENTS, &[&from, &to, &total]).await.context("generating events")?;
        if last == mails || last.is_multiple_of(10 * CHUNK_MAILS) {
            say(format!("generated {last} of {mails} mails with their events"));
        }
    }
    Ok(())
}

/// Whether the words are as rare and as common as they are meant to be.
fn check(row: &Row, mails: u32, began_at: Timestamp) -> anyhow::Result<Note> {
    let count = |name| row.get::<_, i64>(name);
    let (rare, common, none) = (count("rare"), count("common"), count("none"));
    ensure!(
        count("mails") == i64::from(mails) && count("recipients") == i64::from(mails),
        "the generated database has {} mails and {} recipients",
        count("mails"),
        count("recipients")
    );
    ensure!(
        (1..=21).contains(&rare) && (common * 20 > i64::from(mails)) && none == 0,
        "the words are not as meant: the rare one {rare} times, the common one {common}, the one that is nowhere {none}"
    );
    Ok(Note::new(mails, count("events"), count("recipients"), began_at))
}
