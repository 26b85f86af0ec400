//! Moving a schema along the line of steps.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    LastRun, Limits, MigrateError, SchemaStatus, Step, StepStatus, Watcher, adopt,
    contract::{EVENTS, LOGS, MARKER_TABLE, ORPHANED_EVENTS},
    lock,
    online::{Board, Observer, Session},
    pooler, rights, shape,
    state::PHASE_DONE,
    steps::{a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, v136, v137},
};
use crate::{Connection, DatabaseAddress, Prefix};
use sha2::{Digest, Sha256};

/// What a migrator's session is set to. A killed client's statement would run on for as long as it takes; the check
/// ends it within a second. What a crash of the server loses of the last batches, the next run does again; the
/// record of a step is written for good.
///
/// The rest is what a role or a database may be set to otherwise: time limits that end a build, isolation that breaks
/// off what a writer touched, ways of writing values that would lose a part of a removed row, policies that would hide
/// rows (they are an error now), and a compiler that takes longer than a batch may. Plans are made for the
/// very batch: one made for any size compares each row with each other.
pub(super) const SESSION_SETTINGS: &str = "SET application_name = 'aftersend migrate'; \
     SET client_connection_check_interval = '1s'; SET TimeZone = 'UTC'; SET client_min_messages = 'warning'; \
     SET synchronous_commit = off; SET lock_timeout = 0; SET statement_timeout = 0; \
     SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0; \
     SET default_transaction_isolation = 'read committed'; SET default_transaction_deferrable = off; \
     SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1; SET bytea_output = 'hex'; \
     SET standard_conforming_strings = on; SET row_security = off; SET jit = off; \
     SET plan_cache_mode = 'force_custom_plan'";

/// A limit that PostgreSQL 17 brought.
pub(super) const SESSION_SETTINGS_OF_17: &str = "SELECT pg_catalog.set_config(name, '0', false) \
     FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout'";

/// How far down to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a step, which stays.
    Step(Step),
    /// To a schema without our tables.
    Nothing,
}

/// How to go up.
#[derive(Clone, Copy, Debug)]
pub struct UpOptions {
    /// The last step to take.
    pub target: Step,
    /// Take each step in one transaction, which keeps writers out until it is done.
    ///
    /// Without it, steps run beside an application that goes on writing; only where mails and events have no rows
    /// yet are they taken in one transaction all the same.
    pub in_transaction: bool,
    /// What it may cost others, and how long it may take.
    pub limits: Limits,
}

impl Default for UpOptions {
    fn default() -> Self {
        Self { target: Step::LATEST, in_transaction: false, limits: Limits::default() }
    }
}

impl From<Step> for UpOptions {
    fn from(target: Step) -> Self {
        Self { target, ..Self::default() }
    }
}

/// What `down` may lose and do.
#[derive(Clone, Copy, Debug, Default)]
pub struct DownOptions {
    /// Lose rows of tables that own steps made.
    pub discard_own_data: bool,
    /// Lose the mails and events themselves, going below 136.
    pub drop_data: bool,
    /// Put back the events that step 137 removed, going to 136.
    pub restore_removed: bool,
    /// What it may cost others, and how long it may take.
    pub limits: Limits,
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
    address: DatabaseAddress,
    prefix: Prefix,
    watcher: Option<Arc<dyn Watcher>>,
}

impl Migrator {
    /// Connects and waits for its turn.
    ///
    /// # Errors
    ///
    /// When there is no way to the database, or another migrator does not finish.
    pub async fn open(address: &DatabaseAddress, prefix: Prefix) -> Result<Self, MigrateError> {
        let connection = Connection::open(address).await?;
        pooler::refuse(&connection, address).await?;
        connection
            .client
            .batch_execute(&format!("{SESSION_SETTINGS}; {SESSION_SETTINGS_OF_17}"))
            .await
            .map_err(|error| MigrateError::database("preparing the session", &error))?;
        lock::take(&connection.client, &prefix).await?;
        Ok(Self { connection, address: address.clone(), prefix, watcher: None })
    }

    /// Tells somebody how far it is, from now on.
    pub fn watch(&mut self, watcher: Arc<dyn Watcher>) {
        self.watcher = Some(watcher);
    }

    /// Where the schema stands, without waiting for anybody.
    ///
    /// # Errors
    ///
    /// When there is no way to the database, or its marker can't be read.
    pub async fn status(address: &DatabaseAddress, prefix: &Prefix) -> Result<SchemaStatus, MigrateError> {
        let connection = Connection::open(address).await?;
        pooler::refuse(&connection, address).await?;
        SchemaStatus::read(&connection.client, prefix).await
    }

    /// What the last run has written about itself: how far it is, or how far it came before it was broken off.
    ///
    /// # Errors
    ///
    /// When there is no way to the database, or the table can't be read.
    pub async fn last_run(
        address: &DatabaseAddress,
        prefix: &Prefix,
    ) -> Result<Option<LastRun>, MigrateError> {
        let connection = Connection::open(address).await?;
        LastRun::read(&connection.client, prefix)
            .await
            .map_err(|error| MigrateError::database("reading the progress", &error))
    }

    /// Takes the schema up to a step, that one included.
    ///
    /// Not cancel-safe: dropped half way, the server goes on with the statement that runs. Drop the migrator then,
    /// and open another.
    ///
    /// # Errors
    ///
    /// The first step that fails; the ones before it stay, and the next attempt goes on from there.
    pub async fn up(&mut self, options: impl Into<UpOptions>) -> Result<Vec<StepReport>, MigrateError> {
        let options = options.into();
        let status = SchemaStatus::read(&self.connection.client, &self.prefix).await?;
        let marker = status.marker.unwrap_or(0);
        if marker != 0 && marker < 136 {
            return Err(MigrateError::BeforeBaseline { prefix: self.prefix.clone(), found: marker });
        }
        let repairs = adopt::survey(&self.connection.client, &self.prefix, marker).await?;
        shape::require_true_indexes(&self.connection.client, &self.prefix).await?;
        let lacks = |step: Step| match step {
            // Tables that are there get what they lack, whatever `status` makes of that.
            Step::V136 if marker >= 136 => !repairs.is_empty(),
            _ => step <= options.target && !status.has(step),
        };
        // What 137 removes when it is taken once more, after an index was lost, a1 has to look at.
        let recorded =
            status.steps.iter().any(|status| status.step == Step::A1 && status.applied_at.is_some());
        let again = recorded && (lacks(Step::V137) || lacks(Step::A1));
        let steps: Vec<Step> =
            Step::ALL.into_iter().filter(|step| lacks(*step) || (*step == Step::A1 && again)).collect();
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        rights::require(&self.connection.client, &self.prefix, steps[0]).await?;
        if steps.contains(&Step::A2) {
            a2::require_free_columns(&self.connection.client, &self.prefix).await?;
        }
        let way =
            if options.in_transaction || shape::has_no_rows(&self.connection.client, &self.prefix).await? {
                Way::InTransaction
            } else {
                Way::Online
            };
        let mut run = Run::start(self, options.limits, marker).await?;
        let reports = run.up_all(&steps, way, &repairs, again).await;
        run.end().await;
        reports
    }

    /// Takes the schema down to a step, that one excluded.
    ///
    /// Not cancel-safe, as [`Migrator::up`].
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
            .filter(|step| {
                status.has(*step)
                    || status.is_recorded(*step)
                    || (*step == Step::V137 && status.marker == Some(137))
            })
            .collect();
        let marker = status.marker.unwrap_or(0);
        self.refuse_down(&status, &doomed, options).await?;
        let restores =
            options.restore_removed && marker == 136 && to == Target::Step(Step::V136) && doomed.is_empty();
        if doomed.is_empty() && !restores {
            return Ok(Vec::new());
        }
        let first = doomed.first().copied().unwrap_or(Step::V137);
        rights::require(&self.connection.client, &self.prefix, first).await?;
        let mut run = Run::start(self, options.limits, marker).await?;
        let mut reports = Vec::new();
        if restores {
            // It went down without them before, and they are wanted after all.
            match run.restore().await {
                // Nothing had been removed.
                Ok(report) if report.notes.is_empty() => {}
                Ok(report) => reports.push(report),
                Err(error) => {
                    run.end().await;
                    return Err(error);
                }
            }
        }
        for step in doomed {
            match run.down(step, options).await {
                Ok(report) => reports.push(report),
                Err(error) => {
                    run.end().await;
                    return Err(error);
                }
            }
        }
        run.end().await;
        Ok(reports)
    }

    /// Everything that speaks against going down, said before anything is done.
    async fn refuse_down(
        &self,
        status: &SchemaStatus,
        doomed: &[Step],
        options: DownOptions,
    ) -> Result<(), MigrateError> {
        let marker = status.marker.unwrap_or(0);
        if let Some(StepStatus { step, lacks, .. }) = status
            .steps
            .iter()
            // Of a2 only its record goes down, and of a3 what is there.
            .find(|status| {
                matches!(status.step, Step::A1 | Step::A4 | Step::A7 | Step::A8 | Step::A9)
                    && status.applied_at.is_some()
                    && !status.applied
            })
        {
            return Err(MigrateError::Incomplete { step: *step, lacks: lacks.join(", ") });
        }
        if marker > 137 && doomed.iter().any(|step| !step.is_own()) {
            return Err(MigrateError::AboveContract { prefix: self.prefix.clone(), found: marker });
        }
        if doomed.contains(&Step::A7) && !options.discard_own_data {
            a7::refuse_to_lose_bodies(&self.connection.client, &self.prefix).await?;
        }
        if doomed.contains(&Step::A8) && !options.discard_own_data {
            a8::refuse_to_lose_archived(&self.connection.client, &self.prefix).await?;
        }
        if doomed.contains(&Step::A4) && !options.discard_own_data {
            a4::refuse_to_lose_parked(&self.connection.client, &self.prefix).await?;
        }
        if doomed.contains(&Step::A9) && !options.discard_own_data {
            a9::refuse_to_lose_erased(&self.connection.client, &self.prefix).await?;
        }
        if doomed.contains(&Step::A1) && !options.discard_own_data {
            a1::refuse_to_lose_own_rows(&self.connection.client, &self.prefix).await?;
        }
        if doomed.contains(&Step::A3) && !options.discard_own_data {
            a3::refuse_to_lose_own_rows(&self.connection.client, &self.prefix).await?;
        }
        if doomed.contains(&Step::V136) {
            if !options.drop_data {
                return Err(MigrateError::DropsData(self.prefix.clone()));
            }
            if !shape::made_by_us(&self.connection.client, &self.prefix).await? {
                return Err(MigrateError::NotOurs(self.prefix.clone()));
            }
        }
        Ok(())
    }
}

/// How a step goes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Beside writers.
    Online,
    /// In one transaction, without them.
    InTransaction,
}

/// Steps being taken, and somebody looking on.
struct Run<'m> {
    migrator: &'m mut Migrator,
    limits: Limits,
    /// The marker before the first step.
    marker: u32,
    board: Arc<Board>,
    observer: Observer,
}

impl<'m> Run<'m> {
    async fn start(migrator: &'m mut Migrator, limits: Limits, marker: u32) -> Result<Self, MigrateError> {
        let board = Arc::new(Board::default());
        let client = &migrator.connection.client;
        let pid = client
            .query_one("SELECT pg_catalog.pg_backend_pid()", &[])
            .await
            .map_err(|error| MigrateError::database("asking for the session's number", &error))?
            .get(0);
        let watcher = migrator.watcher.clone();
        let session = (client.cancel_token(), pid);
        let observer =
            Observer::start(&migrator.address, &migrator.prefix, session, Arc::clone(&board), watcher)
                .await?;
        Ok(Self { migrator, limits, marker, board, observer })
    }

    async fn end(self) {
        self.observer.stop().await;
    }

    fn session(&mut self, step: Step, up: bool) -> Session<'_> {
        let Migrator { connection, address, prefix, .. } = &mut *self.migrator;
        Session::new(
            &mut connection.client,
            address,
            prefix,
            self.limits,
            Arc::clone(&self.board),
            (step, up),
        )
    }

    /// Takes steps, one after the other. `again`: a1 has been taken before.
    async fn up_all(
        &mut self,
        steps: &[Step],
        way: Way,
        repairs: &[adopt::Repair],
        again: bool,
    ) -> Result<Vec<StepReport>, MigrateError> {
        if again {
            // Off the record first: whichever attempt gets to it, this one or one after a crash, does all of it.
            let forget = forget_own(&self.migrator.prefix, Step::A1);
            self.session(Step::A1, true).guarded(&[], &forget).await?;
        }
        let mut reports = Vec::new();
        for step in steps {
            reports.push(match step {
                Step::V136 if self.marker >= 136 => self.adopt(repairs).await?,
                _ => self.up(*step, way).await?,
            });
        }
        Ok(reports)
    }

    async fn up(&mut self, step: Step, way: Way) -> Result<StepReport, MigrateError> {
        let began = Instant::now();
        let prefix = self.migrator.prefix.clone();
        match step {
            Step::V136 => v136::make_schema(&self.migrator.connection.client, &prefix).await?,
            Step::V137 => v137::make_trigrams(&self.migrator.connection.client, &prefix).await?,
            Step::A1
            | Step::A2
            | Step::A3
            | Step::A4
            | Step::A5
            | Step::A6
            | Step::A7
            | Step::A8
            | Step::A9
            | Step::A10 => {}
        }
        let record = record(&prefix, step, true, self.marker);
        let mut session = self.session(step, true);
        let notes = match (step, way) {
            (Step::V136, _) => {
                session.phase("making tables", None, "tables");
                session.transaction(&[], v136::Up { prefix: &prefix, record: &record }).await?
            }
            (Step::V137, Way::Online) => {
                let trigrams = v137::trigrams(&mut session).await?;
                let notes = v137::up_online(&mut session, &trigrams).await?;
                if !record.is_empty() {
                    session.guarded(&[MARKER_TABLE], &record).await?;
                }
                notes
            }
            (Step::V137, Way::InTransaction) => {
                let trigrams = v137::trigrams(&mut session).await?;
                session.phase("everything in one transaction", None, "transactions");
                let up = v137::UpInTransaction { prefix: &prefix, trigrams: &trigrams, record: &record };
                session.transaction(&[LOGS, EVENTS], up).await?
            }
            (Step::A1, _) => {
                session.phase("making tables and columns of our own", None, "tables");
                let notes = a1::up(&mut session).await?;
                session.guarded(&[], &record_own(&prefix, step, &in_seconds(began.elapsed()))).await?;
                notes
            }
            (Step::A2, _) => {
                let notes = a2::up(&mut session).await?;
                session.guarded(&[], &record_own(&prefix, step, &in_seconds(began.elapsed()))).await?;
                notes
            }
            (Step::A3, _) => {
                session.phase("making a table of our own", None, "tables");
                let notes = a3::up(&mut session).await?;
                session.guarded(&[], &record_own(&prefix, step, &in_seconds(began.elapsed()))).await?;
                notes
            }
            (Step::A4, _) => {
                session.phase("adding what parking needs", None, "tables");
                let notes = a4::up(&mut session).await?;
                session.guarded(&[], &record_own(&prefix, step, &in_seconds(began.elapsed()))).await?;
                notes
            }
            (Step::A9, _) => {
                session.phase("making a column and tables of our own", None, "tables");
                let notes = a9::up(&mut session).await?;
                session.guarded(&[], &record_own(&prefix, step, &in_seconds(began.elapsed()))).await?;
                notes
            }
            (Step::A5 | Step::A6 | Step::A7 | Step::A8 | Step::A10, _) => {
                session.phase("making tables of our own", None, "tables");
                let tables = match step {
                    Step::A5 => &a5::STEP,
                    Step::A6 => &a6::STEP,
                    Step::A7 => &a7::STEP,
                    Step::A8 => &a8::STEP,
                    _ => &a10::STEP,
                };
                tables.up(&mut session).await?;
                session.guarded(&[], &record_own(&prefix, step, &in_seconds(began.elapsed()))).await?;
                Vec::new()
            }
        };
        session.phase(PHASE_DONE, Some(0), "");
        Ok(StepReport { step, up: true, duration: began.elapsed(), notes })
    }

    /// Step 136 on tables that are there: only what they lack.
    async fn adopt(&mut self, repairs: &[adopt::Repair]) -> Result<StepReport, MigrateError> {
        let began = Instant::now();
        let mut session = self.session(Step::V136, true);
        let notes = adopt::run(&mut session, repairs).await?;
        session.phase(PHASE_DONE, Some(0), "");
        Ok(StepReport { step: Step::V136, up: true, duration: began.elapsed(), notes })
    }

    async fn down(&mut self, step: Step, options: DownOptions) -> Result<StepReport, MigrateError> {
        let began = Instant::now();
        let prefix = self.migrator.prefix.clone();
        let record = record(&prefix, step, false, self.marker);
        let mut session = self.session(step, false);
        session.phase("taking the step down", None, "tables");
        let notes = match step {
            Step::A7 => {
                let down = a7::Down { prefix: &prefix, keep_own_rows: !options.discard_own_data };
                session.transaction(&[LOGS, a7::BODIES], down).await?;
                session.guarded(&[], &forget_own(&prefix, step)).await?;
                vec!["the tables of compressed bodies dropped".to_owned()]
            }
            Step::A9 => {
                let down = a9::Down { prefix: &prefix, keep_own_rows: !options.discard_own_data };
                session.transaction(&[LOGS], down).await?;
                session.guarded(&[], &forget_own(&prefix, step)).await?;
                vec!["what logged mails and erased people need was dropped".to_owned()]
            }
            Step::A6 => {
                a6::STEP.down(&mut session, &forget_own(&prefix, step)).await?;
                vec!["the sums of lists dropped; they are told again by the mails and events".to_owned()]
            }
            Step::A8 => {
                let down = a8::Down { prefix: &prefix, keep_own_rows: !options.discard_own_data };
                session.transaction(&a8::TABLES, down).await?;
                session.guarded(&[], &forget_own(&prefix, step)).await?;
                vec!["the tables of what is archived dropped; the objects of the archive stay".to_owned()]
            }
            Step::A10 => {
                a10::STEP.down(&mut session, &forget_own(&prefix, step)).await?;
                vec!["the tables of jobs dropped, with what their last runs did".to_owned()]
            }
            Step::A5 => {
                a5::STEP.down(&mut session, &forget_own(&prefix, step)).await?;
                vec!["the sums of figures dropped; they are told again by the mails and events".to_owned()]
            }
            Step::A4 => {
                let down = a4::Down { prefix: &prefix, keep_own_rows: !options.discard_own_data };
                session.transaction(&[ORPHANED_EVENTS, "aftersend_ids"], down).await?;
                session.guarded(&[], &forget_own(&prefix, step)).await?;
                vec!["what parking needs was dropped from phoenix_kit_email_orphaned_events".to_owned()]
            }
            Step::A3 => {
                a3::down(&mut session, &forget_own(&prefix, step)).await?;
                vec!["the table of recipients dropped; it is filled again from the events".to_owned()]
            }
            Step::A2 => {
                session.guarded(&[], &forget_own(&prefix, step)).await?;
                vec![a2::DOWN_NOTE.to_owned()]
            }
            Step::A1 => {
                let down = a1::Down { prefix: &prefix, keep_own_rows: !options.discard_own_data };
                session.transaction(&[LOGS, EVENTS], down).await?;
                vec!["the tables and columns of the step dropped; fingerprints come back from the events' JSON".to_owned()]
            }
            Step::V137 => {
                let mut notes = v137::down_online(&mut session, options.restore_removed).await?;
                // The mark last: with it gone, nobody would look for the tables again.
                notes.extend(v137::drop_own_tables(&mut session).await?);
                session.guarded(&[MARKER_TABLE], &record).await?;
                notes
            }
            Step::V136 => {
                session.transaction(&[], v136::Down { prefix: &prefix }).await?;
                vec!["the tables of the step dropped, with all mails and events".to_owned()]
            }
        };
        session.phase(PHASE_DONE, Some(0), "");
        Ok(StepReport { step, up: false, duration: began.elapsed(), notes })
    }

    /// Puts removed events back in a schema that is at 136 already.
    async fn restore(&mut self) -> Result<StepReport, MigrateError> {
        let began = Instant::now();
        let mut session = self.session(Step::V137, false);
        let mut notes = v137::take_back(&mut session).await?;
        notes.extend(v137::drop_own_tables(&mut session).await?);
        session.phase(PHASE_DONE, Some(0), "");
        Ok(StepReport { step: Step::V137, up: false, duration: began.elapsed(), notes })
    }
}

/// The statements that write down in the marker's comment that the schema has one of `PhoenixKit`'s steps, or has it
/// no longer.
pub(super) fn record(prefix: &Prefix, step: Step, up: bool, marker: u32) -> String {
    let number = match (step, up) {
        // Only what was missing has been made.
        (Step::V136, true) if marker >= 136 => return String::new(),
        (Step::V137, true) => 137,
        _ => 136,
    };
    // A marker above 137 tells of PhoenixKit's own steps, and is left alone.
    if marker > 137 {
        return String::new();
    }
    let schema = prefix.quoted();
    format!("SET LOCAL synchronous_commit = on; COMMENT ON TABLE {schema}.{MARKER_TABLE} IS '{number}'")
}

fn in_seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// The statements that write down in the ledger that the schema has one of our steps, which took so many seconds.
pub(super) fn record_own(prefix: &Prefix, step: Step, seconds: &str) -> String {
    use std::fmt::Write;

    let mut hash = Sha256::new();
    match step {
        Step::A2 => a2::templates().iter().for_each(|template| hash.update(template)),
        Step::A3 => hash.update(a3::UP),
        Step::A5 => hash.update(a5::STEP.up),
        Step::A6 => hash.update(a6::STEP.up),
        Step::A7 => hash.update(a7::STEP.up),
        Step::A9 => a9::PARTS.iter().for_each(|part| hash.update(part.statements)),
        Step::A8 => hash.update(a8::STEP.up),
        Step::A10 => hash.update(a10::STEP.up),
        Step::A4 => {
            for part in &a4::PARTS {
                hash.update(part.statements);
            }
            hash.update(a4::PARKED_INDEX);
        }
        _ => a1::PARTS.iter().for_each(|part| hash.update(part.statements)),
    }
    let mut checksum = String::new();
    for byte in hash.finalize() {
        write!(checksum, "{byte:02x}").expect("a String takes any text");
    }
    format!(
        "SET LOCAL synchronous_commit = on; \
         INSERT INTO {}.aftersend_steps (step, duration, checksum) \
         VALUES ('{step}', make_interval(secs => {seconds}), '{checksum}') ON CONFLICT (step) DO NOTHING",
        prefix.quoted(),
    )
}

/// The statements that take one of our steps out of the ledger.
pub(super) fn forget_own(prefix: &Prefix, step: Step) -> String {
    format!(
        "SET LOCAL synchronous_commit = on; DELETE FROM {}.aftersend_steps WHERE step = '{step}'",
        prefix.quoted()
    )
}
