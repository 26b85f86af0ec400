//! One run: a clone of the database, one way of storing events into it, and a look at the result.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    check::{self, Expected},
    data::Material,
    queue::Source,
    relay::Relay,
    rows::Rows,
};
use crate::{
    clone::{CLONE, on_clone},
    processor,
    product::{Ingestion, Product},
    server::PrivateServer,
    session::Session,
    statistics::rounded,
};

const FLOOR: &str = include_str!("../sql/ingest/floor.sql");

/// The settings of the product's own sessions that make a difference: a plan made for the very batch, since one made for
/// any batch reads whole tables; and JSON compressed by `lz4` where the server has it.
const AS_THE_PRODUCT: &str = "SET plan_cache_mode = 'force_custom_plan'; \
     SELECT set_config(name, 'lz4', false) FROM pg_settings \
     WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)";

/// A way of storing events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    /// `aftersend ingest file`: one process, one connection.
    Aftersend,
    /// Two of those, between which the messages are dealt out.
    AftersendTwo,
    /// The same rows by set-based SQL in the server, from a table.
    Floor,
    /// Select, insert, update and commit for each event.
    RowAtATime,
    /// `aftersend ingest sqs --drain`.
    Sqs,
    /// A client that receives and deletes.
    SqsBare,
}

impl Way {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Aftersend => "aftersend",
            Self::AftersendTwo => "aftersend_two",
            Self::Floor => "floor",
            Self::RowAtATime => "row_at_a_time",
            Self::Sqs => "sqs",
            Self::SqsBare => "sqs_bare",
        }
    }
}

/// What one run came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figures {
    pub(super) seconds: f64,
    pub(super) events: usize,
    pub(super) events_per_second: f64,
    /// How many events a transaction stored, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) events_per_transaction: Option<f64>,
    /// Of the program under test; of two, the one that took more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak_memory_bytes: Option<u64>,
    /// The processor time of the program under test, to hundredths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) program_processor_seconds: Option<f64>,
    /// That of the server, with all that it does beside its clients' sessions. These two hardly depend on what else the
    /// machine has to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server_processor_seconds: Option<f64>,
    /// What the program said, in its own words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) said: Vec<Value>,
}

/// What the processors had done when a run began.
struct Meter<'a> {
    server: &'a PrivateServer,
    server_before: Option<Duration>,
    programs_before: Option<Duration>,
}

impl<'a> Meter<'a> {
    fn start(server: &'a PrivateServer) -> Self {
        let programs_before = processor::of_ended_children();
        Self { server, server_before: server.processor_time(), programs_before }
    }
}

fn seconds(after: Option<Duration>, before: Option<Duration>) -> Option<f64> {
    let spent = after?.checked_sub(before?)?;
    Some(rounded(spent.as_secs_f64()))
}

/// What runs need, and what one tells the next.
pub(super) struct Bench<'a> {
    product: &'a Product,
    server: &'a PrivateServer,
    material: &'a Material,
    /// Of how many mails one counts where a part of the events must do.
    every: u32,
    /// How many events the program under test put into a transaction when it was last run: the floor does the same.
    batch_events: Option<f64>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        product: &'a Product,
        server: &'a PrivateServer,
        material: &'a Material,
        every: u32,
    ) -> Self {
        Self { product, server, material, every, batch_events: None }
    }

    /// Stores the events in one of the ways that need no queue.
    pub(super) async fn run(&mut self, way: Way) -> anyhow::Result<Figures> {
        let batch_events = self.batch_events;
        let this = &*self;
        let figures = on_clone(this.server, this.material.template, async |address| match way {
            Way::Aftersend => this.store_files(address, &[&this.material.files.whole]).await,
            Way::AftersendTwo => {
                let [first, second] = &this.material.files.halves;
                this.store_files(address, &[first, second]).await
            }
            Way::Floor => this.floor(address, batch_events).await,
            Way::RowAtATime => this.store_rows(address).await,
            Way::Sqs | Way::SqsBare => bail!("{} needs a queue", way.name()),
        })
        .await?;
        if way == Way::Aftersend {
            self.batch_events = figures.events_per_transaction;
        }
        Ok(figures)
    }

    /// Takes the events of every so-manieth mail from a queue.
    pub(super) async fn run_on_queue(
        &self,
        way: Way,
        source: &mut Source,
        every: u32,
    ) -> anyhow::Result<Figures> {
        let queue = source.fill().await?;
        if way == Way::SqsBare {
            return Ok(Figures::new(queue.drain_bare().await?, source.messages()));
        }
        on_clone(self.server, self.material.template, async |address| {
            let meter = Meter::start(self.server);
            let (took, ingestion) = queue.drain(self.product, address).await?;
            let figures =
                Figures::new(took, source.messages()).with(&meter).with_programs(&meter, vec![ingestion]);
            let transactions = check::stored(address, Expected { every, own_data: true }).await?;
            Ok(figures.with_transactions(transactions))
        })
        .await
    }

    /// How often the program waits for the server to store one event, connecting and preparing included. In a run of its
    /// own: the relay takes time, too.
    pub(super) async fn count_round_trips(&self) -> anyhow::Result<f64> {
        on_clone(self.server, self.material.template, async |_| {
            let relay = Relay::start(self.server, CLONE)?;
            let file = self.material.files.part.as_os_str();
            self.product.ingest(relay.address(), &["file".as_ref(), file]).await?;
            let round_trips = f64::from(u32::try_from(relay.round_trips())?);
            let expected = Expected { every: self.every, own_data: true };
            check::stored(relay.address(), expected).await?;
            Ok(rounded(round_trips / number(self.events_of_part())))
        })
        .await
    }

    /// Runs a program for each file, at once.
    async fn store_files(&self, address: &str, files: &[&Path]) -> anyhow::Result<Figures> {
        let meter = Meter::start(self.server);
        let began = Instant::now();
        let ingestions = match files {
            [file] => vec![self.store_file(address, file).await?],
            [first, second] => {
                let (first, second) =
                    tokio::try_join!(self.store_file(address, first), self.store_file(address, second))?;
                vec![first, second]
            }
            _ => bail!("one file or two"),
        };
        let figures =
            Figures::new(began.elapsed(), self.events()).with(&meter).with_programs(&meter, ingestions);
        let transactions = check::stored(address, Expected { every: 1, own_data: true }).await?;
        Ok(figures.with_transactions(transactions))
    }

    async fn store_file(&self, address: &str, file: &Path) -> anyhow::Result<Ingestion> {
        self.product.ingest(address, &["file".as_ref(), file.as_os_str()]).await
    }

    async fn floor(&self, address: &str, batch_events: Option<f64>) -> anyhow::Result<Figures> {
        let batch_events =
            batch_events.context("no run of aftersend told how many events it stores at once")?;
        let session = Session::open(address, "bench floor").await?;
        session.batch_execute(AS_THE_PRODUCT).await?;
        session.batch_execute(FLOOR).await?;
        let call = format!("CALL bench.floor(1, {}, {})", self.events(), batch_events.round());
        let meter = Meter::start(self.server);
        let began = Instant::now();
        session.batch_execute(&call).await?;
        let figures = Figures::new(began.elapsed(), self.events()).with(&meter);
        let transactions = check::stored(address, Expected { every: 1, own_data: true }).await?;
        Ok(figures.with_transactions(transactions))
    }

    async fn store_rows(&self, address: &str) -> anyhow::Result<Figures> {
        let rows = Rows::read(address, self.every).await?;
        let meter = Meter::start(self.server);
        let took = rows.store(address).await?;
        let figures = Figures::new(took, self.events_of_part()).with(&meter);
        let transactions = check::stored(address, Expected { every: self.every, own_data: false }).await?;
        Ok(figures.with_transactions(transactions))
    }

    fn events(&self) -> usize {
        self.material.sizes.events
    }

    fn events_of_part(&self) -> usize {
        let mails = self.material.sizes.mails / self.every;
        mails as usize * super::events::Kind::ALL.len()
    }
}

impl Figures {
    fn new(took: Duration, events: usize) -> Self {
        let seconds = took.as_secs_f64();
        Self {
            seconds: rounded(seconds),
            events,
            events_per_second: rounded(number(events) / seconds),
            events_per_transaction: None,
            peak_memory_bytes: None,
            program_processor_seconds: None,
            server_processor_seconds: None,
            said: Vec::new(),
        }
    }

    fn with(mut self, meter: &Meter<'_>) -> Self {
        self.server_processor_seconds = seconds(meter.server.processor_time(), meter.server_before);
        self
    }

    fn with_programs(mut self, meter: &Meter<'_>, ingestions: Vec<Ingestion>) -> Self {
        self.program_processor_seconds = seconds(processor::of_ended_children(), meter.programs_before);
        self.peak_memory_bytes = ingestions.iter().filter_map(|ingestion| ingestion.peak_memory_bytes).max();
        self.said = ingestions.into_iter().map(|ingestion| ingestion.said).collect();
        self
    }

    fn with_transactions(mut self, transactions: u32) -> Self {
        self.events_per_transaction = Some(rounded(number(self.events) / f64::from(transactions)));
        self
    }
}

#[expect(clippy::cast_precision_loss, reason = "no bench stores 2^53 events")]
fn number(count: usize) -> f64 {
    count as f64
}
