//! The databases that are measured, generated once each and cloned for every run.
//!
//! Rows go in with all indexes of V136 in place. To build those afterwards would be quicker, and leave their pages full
//! in the order of the keys, which no database is whose application has filled it.

use anyhow::{Context as _, ensure};
use serde::Serialize;
use tokio_postgres::types::ToSql;

use crate::{
    cli::MigrateOptions, disk::BYTES_OF_SERVER, product::Product, progress::say, server::PrivateServer,
    session::Session,
};

const FUNCTIONS: &str = include_str!("sql/functions.sql");
const MAILS: &str = include_str!("sql/mails.sql");
const EVENTS: &str = include_str!("sql/events.sql");
const OPENS: &str = include_str!("sql/opens.sql");
const COUNT: &str = include_str!("sql/count.sql");

/// How many mails a statement makes: small enough to show progress and to be interrupted.
const CHUNK_MAILS: u32 = 50_000;

/// The generated database, its clone with what a step adds to it (indexes, dead rows), and files of sorts: measured
/// with a million mails, and rounded up.
const BYTES_PER_MAIL: u64 = 9_000;

/// One mail's opens likewise, for a template and a clone.
const BYTES_PER_OPEN: u64 = 2_000;

/// How many more times the first mail was opened in one second.
const LARGEST_GROUP_MORE: u16 = 396;

/// Checks no foreign keys, which hold by construction and would take as long as all the rest. Of a loading session only.
pub(crate) const NO_TRIGGERS: &str = "SET session_replication_role = replica";

/// How much room all of it takes.
pub(crate) fn bytes_needed(options: &MigrateOptions) -> u64 {
    // Of the two databases of opens the larger has ten times the number, and both stay to the end.
    u64::from(options.mails) * BYTES_PER_MAIL
        + u64::from(options.opens) * 11 * BYTES_PER_OPEN
        + BYTES_OF_SERVER
}

/// A database at V136 to clone, with what is in it.
#[derive(Debug, Serialize)]
pub(crate) struct Template {
    #[serde(skip)]
    pub(crate) name: String,
    pub(crate) mails: i64,
    pub(crate) events: i64,
    /// The events that stay when duplicates are gone.
    pub(crate) distinct_events: i64,
    pub(crate) ids_to_backfill: i64,
    pub(crate) database_bytes: i64,
}

/// The large database: that many mails with some three events each.
pub(crate) async fn generate_mails(
    server: &PrivateServer,
    product: &Product,
    mails: u32,
) -> anyhow::Result<Template> {
    let name = "mails";
    let session = open_new(server, product, name).await?;
    fill(&session, mails, true).await?;
    let template = finish(session, name).await?;
    let duplicates = i64::from(mails / 10 * 3 + (mails % 10).min(2)) + i64::from(LARGEST_GROUP_MORE);
    ensure!(
        template.distinct_events == 3 * i64::from(mails)
            && template.events - template.distinct_events == duplicates,
        "the generated database is not as meant: {template:?}"
    );
    Ok(template)
}

/// A small database with one mail that was opened so many times in one second.
pub(crate) async fn generate_opens(
    server: &PrivateServer,
    product: &Product,
    opens: u32,
) -> anyhow::Result<Template> {
    let name = format!("opens_{opens}");
    let session = open_new(server, product, &name).await?;
    session.execute(MAILS, &[&1_i64, &1_i64, &1_i64]).await.context("generating one mail")?;
    session.execute(OPENS, &[&i64::from(opens)]).await.context("generating its opens")?;
    let template = finish(session, &name).await?;
    ensure!(
        template.events == i64::from(opens) && template.distinct_events == 1,
        "the generated database is not as meant: {template:?}"
    );
    Ok(template)
}

/// Fills tables of V136 with that many mails and their events, with or without duplicates of some of these.
pub(crate) async fn fill(session: &Session, mails: u32, duplicates: bool) -> anyhow::Result<()> {
    let total = i64::from(mails);
    let more = i32::from(LARGEST_GROUP_MORE);
    for first in (1..=mails).step_by(CHUNK_MAILS as usize) {
        let last = mails.min(first.saturating_add(CHUNK_MAILS - 1));
        let (from, to) = (i64::from(first), i64::from(last));
        session.execute(MAILS, &[&from, &to, &total]).await.context("generating mails")?;
        let events: [&(dyn ToSql + Sync); 5] = [&from, &to, &total, &more, &duplicates];
        session.execute(EVENTS, &events).await.context("generating events")?;
        if last == mails || last.is_multiple_of(4 * CHUNK_MAILS) {
            say(format!("generated {last} of {mails} mails with their events"));
        }
    }
    Ok(())
}

/// A new database with the tables of V136 and nothing in them, and a session that checks no foreign keys.
pub(crate) async fn open_new(
    server: &PrivateServer,
    product: &Product,
    name: &str,
) -> anyhow::Result<Session> {
    let maintenance = Session::open(&server.maintenance_address(), "bench").await?;
    maintenance.batch_execute(&format!("CREATE DATABASE {name}")).await?;
    product.make_schema(&server.address(name)).await.context("making the tables of V136")?;
    let session = Session::open(&server.address(name), "bench generator").await?;
    session.batch_execute(NO_TRIGGERS).await?;
    session.batch_execute(FUNCTIONS).await?;
    Ok(session)
}

/// Brings the database into the state of one that has run for long, and everything to disk, so that no run pays for
/// what the generation left to do.
pub(crate) async fn settle(session: &Session) -> anyhow::Result<()> {
    session.batch_execute("VACUUM (ANALYZE)").await.context("vacuuming")?;
    Ok(session.batch_execute("CHECKPOINT").await?)
}

/// Settles the database and counts what is in it. Takes the session, since nobody may be connected to a database that is cloned.
async fn finish(session: Session, name: &str) -> anyhow::Result<Template> {
    settle(&session).await?;
    let row = session.query_one(COUNT, &[]).await.context("counting what was generated")?;
    Ok(Template {
        name: name.to_owned(),
        mails: row.get("mails"),
        events: row.get("events"),
        distinct_events: row.get("distinct_events"),
        ids_to_backfill: row.get("ids_to_backfill"),
        database_bytes: row.get("database_bytes"),
    })
}
