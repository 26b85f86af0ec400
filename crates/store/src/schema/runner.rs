//! Moving a schema along the line of steps.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio_postgres::{Transaction, error::SqlState};

use super::{MigrateError, SchemaStatus, Step, StepStatus, lock, shape, steps};
use crate::{Connection, DatabaseAddress, Prefix, error::sentence};

/// What a migrator's session is set to. A killed client's statement would run on for as long as it takes;
/// the check ends it within a second. Statements that block writers give up rather than queue for long.
const SESSION_SETTINGS: &str = "SET application_name = 'aftersend migrate'; SET lock_timeout = '5s'; \
     SET client_connection_check_interval = '1s'; SET TimeZone = 'UTC'; SET client_min_messages = 'warning'";

/// How far down to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a step, which stays.
    Step(Step),
    /// To a schema without our tables.
    Nothing,
}

/// What `down` may lose.
#[derive(Clone, Copy, Debug, Default)]
pub struct DownOptions {
    /// Lose rows of tables that own steps made.
    pub discard_own_data: bool,
    /// Lose the mails and events themselves, going below 136.
    pub drop_data: bool,
}

/// What a step did.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// Whether it went up or down.
    pub up: bool,
    /// How long it took.
    pub duration: Duration,
    /// What it did to rows, a sentence each.
    pub notes: Vec<String>,
}

/// Holds the one connection that moves a schema, and the lock that keeps others from it.
pub struct Migrator {
    connection: Connection,
    prefix: Prefix,
}

impl Migrator {
    /// Connects and waits for its turn.
    ///
    /// # Errors
    ///
    /// When there is no way to the database, or another migrator does not finish.
    pub async fn open(address: &DatabaseAddress, prefix: Prefix) -> Result<Self, MigrateError> {
        let connection = Connection::open(address).await?;
        connection
            .client
            .batch_execute(SESSION_SETTINGS)
            .await
            .map_err(|error| MigrateError::database("preparing the session", &error))?;
        lock::take(&connection.client, &prefix).await?;
        Ok(Self { connection, prefix })
    }

    /// Where the schema stands, without waiting for anybody.
    ///
    /// # Errors
    ///
    /// When there is no way to the database, or its marker can't be read.
    pub async fn status(address: &DatabaseAddress, prefix: &Prefix) -> Result<SchemaStatus, MigrateError> {
        let connection = Connection::open(address).await?;
        SchemaStatus::read(&connection.client, prefix).await
    }

    /// Takes the schema up to a step, that one included.
    ///
    /// # Errors
    ///
    /// The first step that fails; it changes nothing, the ones before it stay.
    pub async fn up(&mut self, to: Step) -> Result<Vec<StepReport>, MigrateError> {
        let status = SchemaStatus::read(&self.connection.client, &self.prefix).await?;
        let marker = status.marker.unwrap_or(0);
        if marker != 0 && marker < 136 {
            return Err(MigrateError::BeforeBaseline { prefix: self.prefix.clone(), found: marker });
        }
        shape::require(&self.connection.client, &self.prefix, marker).await?;
        shape::require_true_indexes(&self.connection.client, &self.prefix).await?;
        let mut reports = Vec::new();
        for step in Step::ALL {
            if step <= to && !status.has(step) {
                reports.push(self.run(step, Way::Up, marker).await?);
            }
        }
        Ok(reports)
    }

    /// Takes the schema down to a step, that one excluded.
    ///
    /// # Errors
    ///
    /// When it would lose data without being told to, and as for [`Migrator::up`].
    pub async fn down(&mut self, to: Target, options: DownOptions) -> Result<Vec<StepReport>, MigrateError> {
        let status = SchemaStatus::read(&self.connection.client, &self.prefix).await?;
        let doomed: Vec<Step> = Step::ALL
            .into_iter()
            .rev()
            .filter(|step| match to {
                Target::Step(kept) => *step > kept,
                Target::Nothing => true,
            })
            .filter(|step| status.has(*step) || (*step == Step::V137 && status.marker == Some(137)))
            .collect();
        let marker = status.marker.unwrap_or(0);
        // Everything that speaks against it is said before anything is done.
        if let Some(StepStatus { step, lacks, .. }) = status
            .steps
            .iter()
            .find(|status| status.step.is_own() && status.applied_at.is_some() && !status.applied)
        {
            return Err(MigrateError::Incomplete { step: *step, lacks: lacks.join(", ") });
        }
        if marker > 137 && doomed.iter().any(|step| !step.is_own()) {
            return Err(MigrateError::AboveContract { prefix: self.prefix.clone(), found: marker });
        }
        if doomed.contains(&Step::A1) && !options.discard_own_data {
            steps::refuse_to_lose_own_rows(&self.connection.client, &self.prefix).await?;
        }
        if doomed.contains(&Step::V136) {
            if !options.drop_data {
                return Err(MigrateError::DropsData(self.prefix.clone()));
            }
            if !shape::made_by_us(&self.connection.client, &self.prefix).await? {
                return Err(MigrateError::NotOurs(self.prefix.clone()));
            }
        }
        let mut reports = Vec::new();
        let way = Way::Down { keep_own_rows: !options.discard_own_data };
        for step in doomed {
            reports.push(self.run(step, way, marker).await?);
        }
        Ok(reports)
    }

    /// The session that moves the schema, with what it is set to.
    #[cfg(test)]
    pub(super) fn client(&self) -> &tokio_postgres::Client {
        &self.connection.client
    }

    /// One step in one transaction, its record included.
    async fn run(&mut self, step: Step, way: Way, marker: u32) -> Result<StepReport, MigrateError> {
        let began = Instant::now();
        match (step, way) {
            (Step::V136, Way::Up) => steps::make_schema(&self.connection.client, &self.prefix).await?,
            (Step::V137, Way::Up) => {
                steps::make_trigrams(&self.connection.client, &self.prefix).await?;
            }
            _ => {}
        }
        let failed = |error: tokio_postgres::Error| failure(step, way, &error);
        let transaction = self.connection.client.transaction().await.map_err(failed)?;
        if let (Step::A1, Way::Down { keep_own_rows: true }) = (step, way) {
            // Asked before, to refuse before anything is done; asked again, now that nobody can add to them.
            steps::lock_own_tables(&transaction, &self.prefix).await.map_err(failed)?;
            steps::refuse_to_lose_own_rows(&transaction, &self.prefix).await?;
        }
        let mut notes = steps::apply(&transaction, &self.prefix, step, way.is_up()).await.map_err(failed)?;
        record(&transaction, &self.prefix, step, way.is_up(), marker, began.elapsed())
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        if let (Step::A1, Way::Up) = (step, way) {
            let marked = steps::mark_derived(&self.connection.client, &self.prefix).await.map_err(failed)?;
            if marked > 0 {
                notes.push(format!("{marked} mails known from their events alone"));
            }
        }
        Ok(StepReport { step, up: way.is_up(), duration: began.elapsed(), notes })
    }
}

/// Which way a step goes.
#[derive(Clone, Copy)]
enum Way {
    Up,
    Down { keep_own_rows: bool },
}

impl Way {
    const fn is_up(self) -> bool {
        matches!(self, Self::Up)
    }
}

/// Writes down, within the step's own transaction, that the schema has it, or has it no longer.
async fn record(
    transaction: &Transaction<'_>,
    prefix: &Prefix,
    step: Step,
    up: bool,
    marker: u32,
    duration: Duration,
) -> Result<(), tokio_postgres::Error> {
    let number = match step {
        Step::A1 if up => return record_own(transaction, prefix, step, duration).await,
        // It has dropped its ledger with the rest; so has going below 136 the marker table.
        Step::A1 => return Ok(()),
        Step::V136 if !up => return Ok(()),
        // Only what was missing has been made.
        Step::V136 if marker >= 136 => return Ok(()),
        Step::V137 if up => 137,
        Step::V136 | Step::V137 => 136,
    };
    // A marker above 137 tells of PhoenixKit's own steps, and is left alone.
    if marker <= 137 {
        let comment = format!("COMMENT ON TABLE {}.phoenix_kit IS '{number}'", prefix.quoted());
        transaction.batch_execute(&comment).await?;
    }
    Ok(())
}

async fn record_own(
    transaction: &Transaction<'_>,
    prefix: &Prefix,
    step: Step,
    duration: Duration,
) -> Result<(), tokio_postgres::Error> {
    let checksum = Sha256::digest(steps::A1_UP).iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write;
        write!(text, "{byte:02x}").expect("a String takes any text");
        text
    });
    let insert = format!(
        "INSERT INTO {}.aftersend_steps (step, duration, checksum) VALUES ($1, make_interval(secs => $2), $3) \
         ON CONFLICT (step) DO NOTHING",
        prefix.quoted()
    );
    transaction.execute(&insert, &[&step.name(), &duration.as_secs_f64(), &checksum]).await?;
    Ok(())
}

fn failure(step: Step, way: Way, error: &tokio_postgres::Error) -> MigrateError {
    match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => MigrateError::Locked { step },
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => MigrateError::Permission {
            step,
            reason: sentence(error),
            hint: "Run it as the owner of the tables",
        },
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => MigrateError::Database {
            doing: format!("step {step}"),
            reason: "the database is read-only: a standby, or set so; give the primary's address".to_owned(),
        },
        Some(&SqlState::DISK_FULL) => MigrateError::Database {
            doing: format!("step {step}"),
            reason:
                "the database's disk is full: make room there and run this again; the step changed nothing"
                    .to_owned(),
        },
        Some(&SqlState::UNIQUE_VIOLATION) => MigrateError::Database {
            doing: format!(
                "step {step} needs rows to be there once that are there twice, and changed nothing"
            ),
            reason: sentence(error),
        },
        _ => MigrateError::database(
            format!("step {step} {} failed and changed nothing", if way.is_up() { "up" } else { "down" }),
            error,
        ),
    }
}
