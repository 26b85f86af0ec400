//! What all runs begin with: a database at the newest step, with older mails in it and those that the events are about,
//! and the events themselves, as a table and as files.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use tokio::task::spawn_blocking;
use tokio_postgres::{
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};
use uuid::Uuid;

use super::events::{self, Event};
use crate::{
    cli::IngestOptions, data, disk::BYTES_OF_SERVER, product::Product, progress::say, server::PrivateServer,
    session::Session,
};

const FUNCTIONS: &str = include_str!("../sql/functions.sql");
const STAGING: &str = include_str!("../sql/ingest/staging.sql");
const LOG_MAILS: &str = include_str!("../sql/ingest/log_mails.sql");
const SIZES: &str = include_str!("../sql/ingest/sizes.sql");

const NAME: &str = "mails";

/// An older mail with its events, in the database and in a clone of it, and with what a migration takes meanwhile.
const BYTES_PER_OLDER_MAIL: u64 = 10_000;

/// A mail with four events: in both databases the staged ones, in the clone the stored ones, and the messages in files.
const BYTES_PER_MAIL: u64 = 110_000;

/// How many messages go to one file in a row: as many as SQS hands out at once.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
const DEALT_MESSAGES: usize = 10;

/// How much room all of it takes.
pub(crate) fn bytes_needed(options: &IngestOptions) -> u64 {
    u64::from(options.older_mails) * BYTES_PER_OLDER_MAIL
        + u64::from(options.mails) * BYTES_PER_MAIL
        + BYTES_OF_SERVER
}

/// What is in the database, and how large what comes in is.
#[derive(Debug, Serialize)]
pub(super) struct Sizes {
    older_mails: u32,
    older_events: i64,
    pub(super) mails: u32,
    pub(super) events: usize,
    /// Of an event's own JSON, on average.
    event_bytes: usize,
    /// The same in SNS's envelope.
    message_bytes: usize,
    database_bytes: i64,
}

/// The database to clone, and the files to read.
pub(super) struct Material {
    pub(super) template: &'static str,
    pub(super) sizes: Sizes,
    pub(super) files: Files,
}

/// Messages in files, in the order of their events' time.
pub(super) struct Files {
    /// All events.
    pub(super) whole: PathBuf,
    /// The same, dealt out to two as a queue does.
    pub(super) halves: [PathBuf; 2],
    /// The events of every so-manieth mail, to count round trips with.
    pub(super) part: PathBuf,
    /// Bytes of all messages.
    bytes: usize,
}

/// Makes all of it, with files in the folder, and of the part only the events of every so-manieth mail.
pub(super) async fn generate(
    options: &IngestOptions,
    product: &Product,
    server: &PrivateServer,
    folder: &Path,
    every: u32,
) -> anyhow::Result<Material> {
    let address = server.address(NAME);
    let session = data::open_new(server, product, NAME).await?;
    data::fill(&session, options.older_mails, false).await?;
    drop(session);
    say("bringing the database to the newest step");
    product.bring_up_to_date(&address).await.context("taking the database to the newest step")?;

    let session = Session::open(&address, "bench generator").await?;
    let events = events::in_time_order(options.mails, 1);
    say(format!("making up {} events", events.len()));
    session.batch_execute(STAGING).await?;
    let event_bytes = stage(&session, &events).await.context("staging the events")?;
    session.batch_execute(FUNCTIONS).await?;
    let logged = session.execute(LOG_MAILS, &[]).await.context("logging the mails")?;
    ensure!(logged == u64::from(options.mails), "logged {logged} mails instead of {}", options.mails);
    data::settle(&session).await?;
    let row = session.query_one(SIZES, &[]).await?;
    let mails: i64 = row.get("mails");
    ensure!(
        mails == i64::from(options.mails) + i64::from(options.older_mails),
        "the generated database has {mails} mails"
    );

    let (folder, mails) = (folder.to_owned(), options.mails);
    let files =
        spawn_blocking(move || write_files(&folder, mails, every)).await?.context("writing the messages")?;
    let sizes = Sizes {
        older_mails: options.older_mails,
        older_events: row.get("events"),
        mails: options.mails,
        events: events.len(),
        event_bytes: event_bytes / events.len(),
        message_bytes: files.bytes / events.len(),
        database_bytes: row.get("database_bytes"),
    };
    Ok(Material { template: NAME, sizes, files })
}

/// Puts the events into the staging table, and says how many bytes of JSON they are.
async fn stage(session: &Session, events: &[Event]) -> anyhow::Result<usize> {
    let types = [
        Type::INT4,
        Type::INT4,
        Type::UUID,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::UUID,
        Type::TEXT,
    ];
    let sink = session.copy_in("COPY bench.staging FROM STDIN (FORMAT binary)").await?;
    let writer = BinaryCopyInWriter::new(sink, &types);
    tokio::pin!(writer);
    let mut bytes = 0;
    for (number, event) in (1_i32..).zip(events) {
        let json = event.json();
        bytes += json.len();
        let row = event.row(&json)?;
        let values: [&(dyn ToSql + Sync); 12] = [
            &number,
            &i32::try_from(event.mail)?,
            &Uuid::now_v7(),
            &row.aws_message_id,
            &row.address,
            &event.kind.column(),
            &event.at,
            &row.ip_address,
            &row.user_agent,
            &row.link_url,
            &row.fingerprint,
            &json,
        ];
        writer.as_mut().write(&values).await?;
    }
    writer.as_mut().finish().await?;
    Ok(bytes)
}

/// Writes the events of that many mails to files in the folder.
fn write_files(folder: &Path, mails: u32, every: u32) -> anyhow::Result<Files> {
    let whole = folder.join("whole.ndjson");
    let halves = [folder.join("half-1.ndjson"), folder.join("half-2.ndjson")];
    let part = folder.join("part.ndjson");
    let bytes = write_whole(&events::in_time_order(mails, 1), &whole, &halves)?;
    let mut file = BufWriter::new(File::create(&part)?);
    for event in events::in_time_order(mails, every) {
        writeln!(file, "{}", event.message())?;
    }
    file.flush()?;
    Ok(Files { whole, halves, part, bytes })
}

/// Writes all events to one file and, dealt out, to two, and says how many bytes their messages are.
fn write_whole(events: &[Event], whole: &Path, halves: &[PathBuf; 2]) -> anyhow::Result<usize> {
    let mut whole = BufWriter::new(File::create(whole)?);
    let mut halves = [BufWriter::new(File::create(&halves[0])?), BufWriter::new(File::create(&halves[1])?)];
    let mut bytes = 0;
    for (hand, dealt) in events.chunks(DEALT_MESSAGES).enumerate() {
        for event in dealt {
            let message = event.message();
            bytes += message.len();
            writeln!(whole, "{message}")?;
            writeln!(halves[hand % 2], "{message}")?;
        }
    }
    for file in halves.iter_mut().chain([&mut whole]) {
        file.flush()?;
    }
    Ok(bytes)
}
