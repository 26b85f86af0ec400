//! The application that goes on writing: mails, events, and changes of mails, each in a transaction of its own.
//!
//! It keeps to an absolute schedule. A write that has to wait makes the following ones of its connection late, and
//! they catch up at once, so a stall shows as long statements and as lateness and never as a lower rate.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_postgres::{Statement, error::SqlState, types::ToSql};
use uuid::Uuid;

use crate::session::Session;

const LOG_MAIL: &str = include_str!("sql/log_mail.sql");
const STORE_EVENT: &str = include_str!("sql/store_event.sql");
const MARK_OPENED: &str = include_str!("sql/mark_opened.sql");
const OLDER_EVENTS: &str = include_str!("sql/older_events.sql");

/// Connections that the application's writes are shared out to, like those of a pool.
const CONNECTIONS: u32 = 4;

/// Of how many events that were there before the writer knows.
const OLDER_EVENTS_MAX: i64 = 20_000;

/// How many writes a second, of which kinds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Mails, events and changes of mails.
    pub(crate) writes_per_second: u32,
    /// Besides, events that are there already.
    pub(crate) duplicates_per_second: u32,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A new mail.
    LogMail,
    /// The first event of that mail.
    StoreEvent,
    /// An open, now, of a mail that was there before.
    StoreOpen,
    /// That mail's status and time.
    MarkOpened,
    /// An event that was there before, again.
    StoreDuplicate,
}

impl Kind {
    /// What the application writes, in turn.
    const USUAL: &'static [Self] = &[Self::LogMail, Self::StoreEvent, Self::StoreOpen, Self::MarkOpened];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::LogMail => "log a mail",
            Self::StoreEvent => "store its event",
            Self::StoreOpen => "store an open of an older mail",
            Self::MarkOpened => "mark the older mail as opened",
            Self::StoreDuplicate => "store a duplicate of an older event",
        }
    }

    /// Whether it adds an event that no other row tells of.
    pub(crate) const fn is_distinct_event(self) -> bool {
        matches!(self, Self::StoreEvent | Self::StoreOpen)
    }
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// A unique index had it already (23505), which PhoenixKit takes for success.
    Refused,
    /// Any other error of the server, as its code: 40P01 is a deadlock.
    Failed(String),
}

/// One write.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) kind: Kind,
    /// When the schedule has it.
    pub(crate) due: Instant,
    pub(crate) sent: Instant,
    pub(crate) ended: Instant,
    pub(crate) outcome: Outcome,
}

/// The application at work. Dropped, it stops at once.
pub(crate) struct Writer {
    process_ids: Vec<i32>,
    stop: watch::Sender<bool>,
    warm: mpsc::Receiver<()>,
    tasks: JoinSet<anyhow::Result<Vec<Write>>>,
}

#[derive(Clone, Debug)]
struct OlderEvent {
    mail: Uuid,
    event_type: String,
    occurred_at: Timestamp,
}

/// One connection with its own schedule.
struct Lane {
    session: Session,
    log_mail: Statement,
    store_event: Statement,
    mark_opened: Statement,
    older: Arc<[OlderEvent]>,
    kinds: &'static [Kind],
    interval: Duration,
    offset: Duration,
    /// The mail that was logged last.
    new_mail: Uuid,
    /// The mail whose open was stored last.
    opened_mail: Uuid,
}

impl Writer {
    /// Connects, prepares, and begins to write; returns when every connection has written each kind once.
    pub(crate) async fn start(address: &str, load: Load, events: i64) -> anyhow::Result<Self> {
        let older: Arc<[OlderEvent]> = read_older_events(address, events).await?.into();
        let mut lanes = Vec::new();
        let interval = Duration::from_secs(1) / load.writes_per_second;
        for place in 0..CONNECTIONS {
            lanes.push(
                Lane::open(address, &older, Kind::USUAL, interval * CONNECTIONS, interval * place).await?,
            );
        }
        if load.duplicates_per_second > 0 {
            let interval = Duration::from_secs(1) / load.duplicates_per_second;
            lanes.push(Lane::open(address, &older, &[Kind::StoreDuplicate], interval, interval / 2).await?);
        }
        let mut process_ids = Vec::new();
        for lane in &lanes {
            process_ids.push(lane.session.process_id().await?);
        }
        let (stop, stopped) = watch::channel(false);
        let (warmed, warm) = mpsc::channel(lanes.len());
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        let lanes_count = lanes.len();
        for lane in lanes {
            tasks.spawn(lane.write_until(began, stopped.clone(), warmed.clone()));
        }
        let mut writer = Self { process_ids, stop, warm, tasks };
        for _ in 0..lanes_count {
            tokio::select! {
                _ = writer.warm.recv() => {}
                ended = writer.tasks.join_next() => {
                    ended.context("the writer has no connections")??.context("the writer ended too early")?;
                    bail!("the writer ended too early");
                }
            }
        }
        Ok(writer)
    }

    /// The server's processes that serve it.
    pub(crate) fn process_ids(&self) -> &[i32] {
        &self.process_ids
    }

    /// Stops after the writes that are under way, and tells of all.
    pub(crate) async fn finish(mut self) -> anyhow::Result<Vec<Write>> {
        self.stop.send_replace(true);
        let mut writes = Vec::new();
        while let Some(ended) = self.tasks.join_next().await {
            writes.extend(ended??);
        }
        Ok(writes)
    }
}

impl Lane {
    async fn open(
        address: &str,
        older: &Arc<[OlderEvent]>,
        kinds: &'static [Kind],
        interval: Duration,
        offset: Duration,
    ) -> anyhow::Result<Self> {
        let session = Session::open(address, "bench writer").await?;
        Ok(Self {
            log_mail: session.prepare(LOG_MAIL).await?,
            store_event: session.prepare(STORE_EVENT).await?,
            mark_opened: session.prepare(MARK_OPENED).await?,
            session,
            older: Arc::clone(older),
            kinds,
            interval,
            offset,
            new_mail: Uuid::nil(),
            opened_mail: Uuid::nil(),
        })
    }

    async fn write_until(
        mut self,
        began: Instant,
        mut stopped: watch::Receiver<bool>,
        warmed: mpsc::Sender<()>,
    ) -> anyhow::Result<Vec<Write>> {
        // Bounded by the time that a run may take.
        let mut writes: Vec<Write> = Vec::new();
        let mut due = began + self.offset;
        for kind in self.kinds.iter().copied().cycle() {
            tokio::select! {
                biased;
                // An error means that the writer was dropped, which is as good.
                _ = stopped.changed() => break,
                () = sleep_until(due) => {}
            }
            let sent = Instant::now();
            let written = self.write(kind).await;
            let ended = Instant::now();
            writes.push(Write { kind, due, sent, ended, outcome: outcome(written)? });
            due += self.interval;
            if writes.len() == self.kinds.len() {
                // It has room for every connection, and nobody listens once all are warm.
                let _ = warmed.try_send(());
            }
        }
        Ok(writes)
    }

    /// One statement, which is one transaction.
    async fn write(&mut self, kind: Kind) -> Result<u64, tokio_postgres::Error> {
        let (uuid, now) = (Uuid::now_v7(), now());
        match kind {
            Kind::LogMail => {
                self.new_mail = uuid;
                self.session.execute(&self.log_mail, &[&uuid, &now]).await
            }
            Kind::StoreEvent => self.store(uuid, self.new_mail, "send", now).await,
            Kind::StoreOpen => {
                self.opened_mail = self.any_older().mail;
                self.store(uuid, self.opened_mail, "open", now).await
            }
            Kind::MarkOpened => self.session.execute(&self.mark_opened, &[&self.opened_mail, &now]).await,
            Kind::StoreDuplicate => {
                let older = self.any_older();
                self.store(uuid, older.mail, &older.event_type, older.occurred_at).await
            }
        }
    }

    async fn store(
        &self,
        uuid: Uuid,
        mail: Uuid,
        event_type: &str,
        occurred_at: Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        let values: [&(dyn ToSql + Sync); 4] = [&uuid, &mail, &event_type, &occurred_at];
        self.session.execute(&self.store_event, &values).await
    }

    fn any_older(&self) -> &OlderEvent {
        &self.older[fastrand::usize(..self.older.len())]
    }
}

async fn read_older_events(address: &str, events: i64) -> anyhow::Result<Vec<OlderEvent>> {
    let session = Session::open(address, "bench").await?;
    let rows =
        session.query(OLDER_EVENTS, &[&OLDER_EVENTS_MAX, &events]).await.context("reading older events")?;
    if rows.is_empty() {
        bail!("there are no events to write duplicates of");
    }
    let older = |row: &tokio_postgres::Row| OlderEvent {
        mail: row.get(0),
        event_type: row.get(1),
        occurred_at: row.get(2),
    };
    Ok(rows.iter().map(older).collect())
}

fn outcome(written: Result<u64, tokio_postgres::Error>) -> anyhow::Result<Outcome> {
    match written {
        Ok(_) => Ok(Outcome::Done),
        Err(error) => match error.code() {
            Some(&SqlState::UNIQUE_VIOLATION) => Ok(Outcome::Refused),
            Some(code) => Ok(Outcome::Failed(code.code().to_owned())),
            None => Err(error).context("the writer lost its connection"),
        },
    }
}

/// As PostgreSQL keeps times: no further than microseconds, in which a jiff timestamp converts without loss.
fn now() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}
