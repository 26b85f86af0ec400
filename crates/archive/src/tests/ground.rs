//! What the tests stand on: a migrated schema of their own, a folder for objects, and traffic.

use aftersend_event::{Document, Event, Message};
use aftersend_simulator::{Plan, SCENARIOS_REQUIRED, simulate};
use aftersend_store::{
    Arrival, Batch, BatchReport, DatabaseAddress, FigureKeeper, IngestError, Joiner, Prefix, RestoreReport,
    Store, TagNames,
    schema::{Migrator, Step},
};
use aftersend_testkit::{
    Database,
    database::{Client, TestSchema},
};
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

use crate::{ArchivePlace, Restored, RunOptions, RunReport, Wanted, restore, run, verify};

/// The tables that a mail's rows are in, and what orders them.
const TABLES: [(&str, &str); 7] = [
    ("phoenix_kit_email_logs", "uuid"),
    ("phoenix_kit_email_events", "uuid"),
    ("aftersend_folded_events", "email_log_uuid, fingerprint"),
    ("aftersend_recipients", "email_log_uuid, address"),
    ("aftersend_ids", "aws_message_id"),
    ("aftersend_removed_events", "uuid"),
    ("phoenix_kit_email_blocklist", "email"),
];

pub(super) struct Ground {
    pub(super) store: Store,
    pub(super) client: Client,
    pub(super) place: ArchivePlace,
    pub(super) folder: TempDir,
    pub(super) prefix: Prefix,
    _schema: TestSchema,
}

impl Ground {
    pub(super) async fn new() -> Self {
        let schema = Database::get().await.fresh_schema();
        let prefix: Prefix = schema.prefix().parse().unwrap();
        let address: DatabaseAddress = schema.url().parse().unwrap();
        Migrator::open(&address, prefix.clone()).await.unwrap().up(Step::LATEST).await.unwrap();
        let store = Store::open(&address, prefix.clone(), TagNames::default()).await.unwrap();
        let folder = TempDir::new().unwrap();
        let url = url::Url::from_directory_path(folder.path()).unwrap();
        let place = ArchivePlace::open(url.as_str()).await.unwrap();
        let client = schema.client().await;
        Self { store, client, place, folder, prefix, _schema: schema }
    }

    /// With the mails and events of a simulated run.
    pub(super) async fn with_traffic(seed: u64) -> Self {
        let ground = Self::new().await;
        let traffic = simulate(&plan(seed));
        let messages: Vec<&[u8]> =
            traffic.messages.iter().map(Vec::as_slice).filter(|m| is_event(m)).collect();
        ground.ingest(&messages).await;
        ground
    }

    pub(super) async fn run_sql(&self, sql: &str) {
        self.client.batch_execute(&sql.replace("\"prefix\"", &self.prefix.quoted())).await.unwrap();
    }

    pub(super) async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.client.query(&sql.replace("\"prefix\"", &self.prefix.quoted()), &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub(super) async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {}.{table}", self.prefix.quoted());
        self.client.query_one(&sql, &[]).await.unwrap().get(0)
    }

    /// Stores messages, in batches, each as often as it takes. Says what became of them.
    pub(super) async fn ingest(&self, messages: &[&[u8]]) -> BatchReport {
        let mut sum = BatchReport::default();
        for part in messages.chunks(100) {
            let documents: Vec<Document<'_>> = part.iter().map(|body| document(body)).collect();
            let events: Vec<Event<'_>> = documents.iter().map(|document| document.event().unwrap()).collect();
            let arrivals = events
                .iter()
                .zip(&documents)
                .map(|(event, document)| Arrival { event, json: document.storable_json() })
                .collect();
            let batch = Batch { arrivals, poisons: Vec::new() };
            let report = loop {
                match self.store.ingest(&batch).await {
                    Err(IngestError::Repeat(_)) => {}
                    report => break report.unwrap(),
                }
            };
            let told = report.stored + report.repeated + report.folded + report.parked + report.late;
            assert_eq!(told, part.len(), "{report:?}");
            sum.stored += report.stored;
            sum.repeated += report.repeated;
            sum.folded += report.folded;
            sum.late += report.late;
        }
        sum
    }

    pub(super) async fn ingest_values(&self, events: &[Value]) -> BatchReport {
        let bodies: Vec<Vec<u8>> = events.iter().map(|event| event.to_string().into_bytes()).collect();
        self.ingest(&bodies.iter().map(Vec::as_slice).collect::<Vec<_>>()).await
    }

    /// Every row of the tables that a mail's rows are in, with every column.
    pub(super) async fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for (table, order) in TABLES {
            let sql = format!(
                r#"SELECT '{table} ' || (SELECT string_agg(name || '=' || value, ' ' ORDER BY name)
                                         FROM json_each_text(row_to_json(held)) AS c (name, value))
                   FROM "prefix".{table} AS held ORDER BY {order}"#
            );
            rows.extend(self.texts(&sql).await);
        }
        rows
    }

    /// The sums of figures, by quarter and template, once all that is marked is counted.
    pub(super) async fn figures(&self) -> Vec<String> {
        let mut keeper = FigureKeeper::new(&self.store).at_once();
        while !keeper.round().await.unwrap().is_through {}
        let mut rows = Vec::new();
        for table in [
            "figures_by_quarter",
            "figures_by_template",
            "figures_by_day",
            "domains_by_quarter",
            "domains_by_day",
            "domains_by_template",
            "bounces_by_quarter",
            "bounces_by_day",
            "links_by_quarter",
            "links_by_template",
        ] {
            let sql = format!(
                r#"SELECT (to_jsonb(held) - 'place')::text FROM "prefix".aftersend_{table} AS held ORDER BY 1"#
            );
            rows.extend(self.texts(&sql).await);
        }
        rows
    }

    /// The same, counted anew.
    pub(super) async fn recounted_figures(&self) -> Vec<String> {
        self.store.recount_figures(None, None).await.unwrap();
        self.figures().await
    }

    pub(super) async fn join(&self) {
        let mut joiner = Joiner::new(&self.store);
        while !joiner.round().await.unwrap().is_through {}
    }

    pub(super) async fn archive(&self, delete_archived: bool) -> RunReport {
        let options = RunOptions { delete_archived, object_mails_max: 20, ..RunOptions::before(later()) };
        run(&self.store, &self.place, options, &|_| ()).await.unwrap()
    }

    pub(super) async fn restore(&self) -> Restored {
        self.restore_wanted(&Wanted::All).await
    }

    pub(super) async fn restore_wanted(&self, wanted: &Wanted) -> Restored {
        restore(&self.store, &self.place, wanted, &|_, _, _| ()).await.unwrap()
    }

    pub(super) async fn assert_verified(&self) {
        let report = verify(&self.store, &self.place, &|_, _| ()).await.unwrap();
        assert!(report.faults.is_empty(), "{report:?}");
    }
}

/// A restore that brought back so many and did nothing else to mails.
pub(super) fn only_restored(restored: usize) -> RestoreReport {
    RestoreReport { restored, ..RestoreReport::default() }
}

pub(super) fn plan(seed: u64) -> Plan {
    Plan { seed, mails: SCENARIOS_REQUIRED + 20, malformed: 0, controls: 0, ..Plan::default() }
}

/// Behind all that the simulator makes up.
pub(super) fn later() -> Timestamp {
    "2027-01-01T00:00:00Z".parse().unwrap()
}

pub(super) fn is_event(message: &[u8]) -> bool {
    matches!(aftersend_event::read(message), Ok(Message::Event(document)) if document.event().is_ok())
}

fn document(body: &[u8]) -> Document<'_> {
    match aftersend_event::read(body) {
        Ok(Message::Event(document)) => document,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(body)),
    }
}

pub(super) fn assert_same(found: &[String], expected: &[String], when: &str) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{when}");
    }
    assert_eq!(
        found.len(),
        expected.len(),
        "{when}: {:?}",
        found.get(expected.len()).or(expected.get(found.len()))
    );
}
