//! How far a schema has come.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::{
    MigrateError, Step,
    contract::TABLE_NAMES,
    indexes,
    steps::{a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, v137},
};
use crate::{Prefix, Store, sql::render};

/// What a run calls its phase when it has come to its end.
pub(super) const PHASE_DONE: &str = "done";

/// Where a schema stands on the line of steps.
#[derive(Clone, Debug)]
pub struct SchemaStatus {
    /// The schema.
    pub prefix: Prefix,
    /// `PhoenixKit`'s version number, nothing where there is no marker table.
    pub marker: Option<u32>,
    /// Every step this program knows, first one first.
    pub steps: Vec<StepStatus>,
}

/// One step of a schema.
#[derive(Clone, Debug)]
pub struct StepStatus {
    /// The step.
    pub step: Step,
    /// Whether the schema has it.
    pub applied: bool,
    /// Since when, for own steps.
    pub applied_at: Option<Timestamp>,
    /// What it still lacks though the marker says that it is there.
    pub lacks: Vec<String>,
}

/// What the last run of a step has written about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// The step's name.
    pub step: String,
    /// Whether it went up.
    pub up: bool,
    /// What it was doing.
    pub phase: String,
    /// Hundredths of the phase, where that is known.
    pub percent: Option<i32>,
    /// How much of the phase was done.
    pub done: i64,
    /// Of how much, where that is known.
    pub total: Option<i64>,
    /// What these two count.
    pub unit: String,
    /// Whom it waited for: a session of the server, in words.
    pub waits_for: Option<String>,
    /// Its process of the server.
    pub server_pid: i32,
    /// When the phase began.
    pub phase_began_at: Timestamp,
    /// When it last wrote.
    pub updated_at: Timestamp,
    /// Whether that process is still there.
    pub running: bool,
}

impl LastRun {
    /// Whether it came to its end.
    pub fn is_done(&self) -> bool {
        self.phase == PHASE_DONE
    }

    /// Reads it; nothing where no run has written anything, as before step 137.
    pub(super) async fn read(
        client: &Client,
        prefix: &Prefix,
    ) -> Result<Option<Self>, tokio_postgres::Error> {
        let table = ["aftersend_progress"].as_slice();
        let there = client.query_opt(include_str!("sql/read_tables.sql"), &[&prefix.raw(), &table]).await?;
        if there.is_none() {
            return Ok(None);
        }
        let row = client.query_opt(&render(include_str!("sql/read_progress.sql"), prefix), &[]).await?;
        Ok(row.map(|row| Self {
            step: row.get("step"),
            up: row.get::<_, &str>("direction") == "up",
            phase: row.get("phase"),
            percent: row.get("percent"),
            done: row.get("done"),
            total: row.get("total"),
            unit: row.get("unit"),
            waits_for: row.get("waits_for"),
            server_pid: row.get("server_pid"),
            phase_began_at: row.get("phase_began_at"),
            updated_at: row.get("updated_at"),
            running: row.get("running"),
        }))
    }
}

impl SchemaStatus {
    /// The last step that the schema has, all before it included.
    pub fn reached(&self) -> Option<Step> {
        self.steps.iter().take_while(|status| status.applied).last().map(|status| status.step)
    }

    pub(super) fn has(&self, step: Step) -> bool {
        self.steps.iter().any(|status| status.step == step && status.applied)
    }

    /// Whether the ledger names the step, whole or not.
    pub(super) fn is_recorded(&self, step: Step) -> bool {
        self.steps.iter().any(|status| status.step == step && status.applied_at.is_some())
    }

    /// Reads it from the catalog. Takes no lock that anybody could notice.
    pub(super) async fn read(client: &Client, prefix: &Prefix) -> Result<Self, MigrateError> {
        let failed =
            |error: tokio_postgres::Error| MigrateError::database("reading the schema's version", &error);
        let marker = read_marker(client, prefix).await?;
        let indexes = indexes::read(client, prefix).await.map_err(failed)?;
        let own = read_own_steps(client, prefix).await.map_err(failed)?;
        if let Some((step, _)) = own.iter().find(|(name, _)| name.parse::<Step>().is_err()) {
            return Err(MigrateError::TooNew { prefix: prefix.clone(), step: step.clone() });
        }

        let tables = client
            .query(include_str!("sql/read_tables.sql"), &[&prefix.raw(), &TABLE_NAMES.as_slice()])
            .await
            .map_err(failed)?;
        let objects =
            client.query(include_str!("sql/read_own_objects.sql"), &[&prefix.raw()]).await.map_err(failed)?;
        let present: Vec<String> = tables.iter().chain(&objects).map(|row| row.get(0)).collect();

        let text_columns = a2::text_columns(client, prefix).await.map_err(failed)?;

        let number = marker.unwrap_or(0);
        let steps = Step::ALL
            .into_iter()
            .map(|step| {
                let applied_at = own.iter().find(|(name, _)| name == step.name()).map(|(_, at)| *at);
                let claimed = match step {
                    Step::V136 => number >= 136,
                    Step::V137 => number >= 137,
                    Step::A1
                    | Step::A2
                    | Step::A3
                    | Step::A4
                    | Step::A5
                    | Step::A6
                    | Step::A7
                    | Step::A8
                    | Step::A9
                    | Step::A10 => applied_at.is_some(),
                };
                let mut lacks = Vec::new();
                if claimed {
                    let objects: Vec<&str> = match step {
                        Step::V136 => TABLE_NAMES.to_vec(),
                        Step::V137 => v137::OWN_TABLES.to_vec(),
                        Step::A1 => a1::PARTS.iter().flat_map(|part| part.objects).copied().collect(),
                        Step::A2 => Vec::new(),
                        Step::A3 => vec![a3::TABLE],
                        Step::A4 => a4::objects().collect(),
                        Step::A5 => a5::STEP.objects.to_vec(),
                        Step::A6 => a6::STEP.objects.to_vec(),
                        Step::A7 => a7::STEP.objects.to_vec(),
                        Step::A9 => a9::objects().collect(),
                        Step::A8 => a8::STEP.objects.to_vec(),
                        Step::A10 => a10::STEP.objects.to_vec(),
                    };
                    let absent = objects.iter().filter(|name| !present.iter().any(|p| p == *name));
                    lacks.extend(absent.map(ToString::to_string));
                    if step == Step::A2 {
                        lacks.extend(a2::lacks(&text_columns));
                    }
                    let indexes = indexes.lacks.iter().filter(|(of, _)| *of == step);
                    lacks.extend(indexes.map(|(_, name)| name.clone()));
                }
                let applied = claimed && lacks.is_empty();
                StepStatus { step, applied, applied_at, lacks }
            })
            .collect();
        Ok(Self { prefix: prefix.clone(), marker, steps })
    }
}

/// The comment of the marker table, which is all there is to tell a version by.
async fn read_marker(client: &Client, prefix: &Prefix) -> Result<Option<u32>, MigrateError> {
    let row = client
        .query_opt(include_str!("sql/read_marker.sql"), &[&prefix.raw()])
        .await
        .map_err(|error| MigrateError::database("reading the schema's version", &error))?;
    let Some(row) = row else { return Ok(None) };
    let comment: Option<String> = row.get(0);
    let found = match &comment {
        None => "no comment".to_owned(),
        Some(text) => format!("the comment `{}`", text.chars().take(40).collect::<String>()),
    };
    match comment.as_deref().map(str::trim).map(str::parse) {
        Some(Ok(number)) => Ok(Some(number)),
        _ => Err(MigrateError::Marker { prefix: prefix.clone(), found }),
    }
}

async fn read_own_steps(
    client: &Client,
    prefix: &Prefix,
) -> Result<Vec<(String, Timestamp)>, tokio_postgres::Error> {
    let ledger = client.query_opt(include_str!("sql/find_ledger.sql"), &[&prefix.raw()]).await?;
    if ledger.is_none() {
        return Ok(Vec::new());
    }
    let statement = format!("SELECT step, applied_at FROM {}.aftersend_steps", prefix.quoted());
    let rows = client.query(&statement, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

impl Store {
    /// Makes sure that the schema is the one this program needs, and changes nothing.
    ///
    /// # Errors
    ///
    /// [`MigrateError::Behind`] names the command that brings it up to date.
    pub async fn require_schema(&self) -> Result<(), MigrateError> {
        let failed = |error: crate::QueryError| MigrateError::Database {
            doing: "reading the schema's version".to_owned(),
            reason: error.to_string(),
        };
        let reader = self.reader().await.map_err(failed)?;
        let reading = SchemaStatus::read(reader.client(), self.prefix());
        let status = reader.in_time(reading).await.map_err(failed)??;
        let reached = status.reached();
        if reached == Some(Step::LATEST) {
            return Ok(());
        }
        Err(MigrateError::Behind {
            prefix: self.prefix().clone(),
            found: reached.map_or("none", Step::name).to_owned(),
            needed: Step::LATEST,
        })
    }
}
