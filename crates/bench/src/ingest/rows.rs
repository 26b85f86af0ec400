//! A row at a time: each event looked up, inserted and told to its mail in a transaction of its own, as trackers do that
//! take one message after the other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::ensure;
use jiff::Timestamp;
use tokio::{task::JoinSet, time::Instant};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::session::Session;

const READ: &str = include_str!("../sql/ingest/read_rows.sql");
const FIND: &str = include_str!("../sql/ingest/row_find.sql");
const INSERT: &str = include_str!("../sql/ingest/row_insert.sql");
const UPDATE: &str = include_str!("../sql/ingest/row_update.sql");

/// Over how many connections.
pub(super) const CONNECTIONS: usize = 8;

/// An event as such a tracker has it.
struct Arrived {
    uuid: Uuid,
    aws_message_id: String,
    event_type: String,
    occurred_at: Timestamp,
    ip_address: Option<String>,
    user_agent: Option<String>,
    link_url: Option<String>,
    json: String,
}

/// Events to store.
pub(super) struct Rows(Arc<[Arrived]>);

impl Rows {
    /// Reads the events of every so-manieth mail.
    pub(super) async fn read(address: &str, every: u32) -> anyhow::Result<Self> {
        let session = Session::open(address, "bench").await?;
        let rows = session.query(READ, &[&i32::try_from(every)?]).await?;
        Ok(Self(rows.iter().map(arrived).collect::<Result<_, _>>()?))
    }

    /// Stores them, and gives the time that it took. Each connection takes the next event in the order of time.
    pub(super) async fn store(&self, address: &str) -> anyhow::Result<Duration> {
        let next = Arc::new(AtomicUsize::new(0));
        let mut sessions = Vec::new();
        for _ in 0..CONNECTIONS {
            sessions.push(Session::open(address, "bench rows").await?);
        }
        let began = Instant::now();
        let mut lanes = JoinSet::new();
        for session in sessions {
            lanes.spawn(lane(session, Arc::clone(&self.0), Arc::clone(&next)));
        }
        while let Some(lane) = lanes.join_next().await {
            lane??;
        }
        Ok(began.elapsed())
    }
}

async fn lane(mut session: Session, events: Arc<[Arrived]>, next: Arc<AtomicUsize>) -> anyhow::Result<()> {
    let find = session.prepare(FIND).await?;
    let insert = session.prepare(INSERT).await?;
    let update = session.prepare(UPDATE).await?;
    while let Some(event) = events.get(next.fetch_add(1, Ordering::Relaxed)) {
        let transaction = session.transaction().await?;
        let mail: Uuid = transaction.query_one(&find, &[&event.aws_message_id]).await?.try_get("uuid")?;
        let stored = transaction
            .execute(
                &insert,
                &[
                    &event.uuid,
                    &mail,
                    &event.event_type,
                    &event.json,
                    &event.occurred_at,
                    &event.ip_address,
                    &event.user_agent,
                    &event.link_url,
                ],
            )
            .await?;
        ensure!(stored == 1, "an event was there already");
        transaction.execute(&update, &[&mail, &status(&event.event_type), &event.occurred_at]).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// The state that such an event gives its mail.
fn status(event_type: &str) -> &'static str {
    match event_type {
        "delivery" => "delivered",
        "open" => "opened",
        "click" => "clicked",
        _ => "sent",
    }
}

fn arrived(row: &Row) -> Result<Arrived, tokio_postgres::Error> {
    Ok(Arrived {
        uuid: row.try_get("uuid")?,
        aws_message_id: row.try_get("aws_message_id")?,
        event_type: row.try_get("event_type")?,
        occurred_at: row.try_get("occurred_at")?,
        ip_address: row.try_get("ip_address")?,
        user_agent: row.try_get("user_agent")?,
        link_url: row.try_get("link_url")?,
        json: row.try_get("event_data")?,
    })
}
