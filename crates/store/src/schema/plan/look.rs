//! Looks at a database for its plan: decides as the runner does which steps are pending and how they run, and measures
//! what they will touch.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::{
    Amount, Obstacle, Plan, PlanTotals, PlannedStep, PlannedTable, PlannedWay, Time,
    measure::{Measured, Meter},
    operations::Planner,
    outlook,
};
use crate::{
    Connection, DatabaseAddress, Prefix,
    schema::{
        LastRun, MigrateError, SchemaStatus, Step, UpOptions, adopt,
        adopt::Survey,
        catalog::Catalog,
        contract::{EVENTS, Index, LOGS, TABLE_NAMES},
        indexes, pooler, shape,
        steps::{
            a2, a4,
            v137::{self, Trigrams},
        },
    },
};

/// What a planner's session is set to: nothing that it sends can change anything. A lock that is not to be had says that
/// a table is being changed right now; the plan does without what it would have read.
const SESSION_SETTINGS: &str = "SET application_name = 'aftersend migrate plan'; \
     SET default_transaction_read_only = on; SET lock_timeout = '2s'; SET client_connection_check_interval = '1s'; \
     SET TimeZone = 'UTC'; SET client_min_messages = 'warning'";

fn failed(error: &tokio_postgres::Error) -> MigrateError {
    MigrateError::database("planning", error)
}

/// See [`Migrator::plan`](crate::schema::Migrator::plan).
pub(super) async fn plan(
    address: &DatabaseAddress,
    prefix: &Prefix,
    options: UpOptions,
) -> Result<Plan, MigrateError> {
    let connection = Connection::open(address).await?;
    pooler::refuse(&connection, address).await?;
    let client = &connection.client;
    client.batch_execute(SESSION_SETTINGS).await.map_err(|error| failed(&error))?;
    let mut plan = Plan {
        prefix: prefix.raw().to_owned(),
        phoenix_kit_version: None,
        reached: None,
        target: options.target,
        way: PlannedWay::Online,
        tables: Vec::new(),
        steps: Vec::new(),
        totals: PlanTotals::default(),
        blockers: Vec::new(),
        notices: Vec::new(),
        obstacles: Vec::new(),
    };
    let status = match SchemaStatus::read(client, prefix).await {
        Ok(status) => status,
        Err(error) => {
            plan.obstacles.push(outlook::no_status(prefix, error)?);
            return Ok(plan);
        }
    };
    plan.phoenix_kit_version = status.marker;
    plan.reached = status.reached();
    let look = Look { client, prefix, options, marker: status.marker.unwrap_or(0) };
    look.at(&status, plan).await
}

struct Look<'a> {
    client: &'a Client,
    prefix: &'a Prefix,
    options: UpOptions,
    marker: u32,
}

impl Look<'_> {
    async fn at(&self, status: &SchemaStatus, mut plan: Plan) -> Result<Plan, MigrateError> {
        if self.marker != 0 && self.marker < 136 {
            plan.obstacles.push(outlook::before_baseline(self.prefix, self.marker));
            return Ok(plan);
        }
        let survey = adopt::examine(self.client, self.prefix, self.marker).await?;
        plan.obstacles.extend(outlook::drifted(&survey.obstacles));
        plan.obstacles.extend(self.wrong_indexes().await?);
        let steps = self.pending(status, &survey);
        if steps.is_empty() {
            return Ok(plan);
        }
        let no_rows = shape::has_no_rows(self.client, self.prefix).await?;
        plan.way = match (self.options.in_transaction, no_rows) {
            (_, true) => PlannedWay::InTransactionWithoutRows,
            (true, false) => PlannedWay::InTransaction,
            (false, false) => PlannedWay::Online,
        };
        let catalog = Catalog::read(self.client, self.prefix).await.map_err(|error| failed(&error))?;
        let rights = outlook::Rights::read(self.client, self.prefix).await.map_err(|error| failed(&error))?;
        plan.obstacles.extend(rights.obstacles(self.prefix, &steps, &catalog));
        if steps.contains(&Step::A2) {
            plan.obstacles.extend(self.used_columns().await?);
        }
        if !plan.obstacles.is_empty() {
            return Ok(plan);
        }
        let trigrams = Trigrams::find(self.client, self.prefix).await.map_err(|error| failed(&error))?;
        let measured = self.measure(&steps, &catalog, plan.way).await?;
        let times = self.times(&steps, &catalog, &measured, &trigrams, plan.way).await?;
        plan.steps = self.steps(&steps, &survey, &catalog, &measured, (&trigrams, &times), plan.way).await?;
        plan.tables = tables(&measured);
        let blockers =
            outlook::blockers(self.client, self.prefix, &plan).await.map_err(|error| failed(&error))?;
        plan.blockers = blockers;
        outlook::fill_in(&mut plan, &measured, &rights, &self.options);
        Ok(plan)
    }

    /// As the runner has it.
    fn pending(&self, status: &SchemaStatus, survey: &Survey) -> Vec<Step> {
        Step::ALL
            .into_iter()
            .filter(|step| *step <= self.options.target)
            .filter(|step| match step {
                Step::V136 if self.marker >= 136 => !survey.repairs.is_empty(),
                _ => !status.has(*step),
            })
            .collect()
    }

    /// Mails whose recipients step a3 finds in the events.
    async fn mails_with_events(
        &self,
        steps: &[Step],
        catalog: &Catalog,
    ) -> Result<Option<u64>, MigrateError> {
        if !steps.contains(&Step::A3) || catalog.table(EVENTS).is_none() {
            return Ok(Some(0));
        }
        Meter { client: self.client, prefix: self.prefix }.mails_with_events().await
    }

    async fn wrong_indexes(&self) -> Result<Vec<Obstacle>, MigrateError> {
        let found = indexes::read(self.client, self.prefix).await.map_err(|error| failed(&error))?;
        let wrong = found.wrong.into_iter().filter(|(index, _)| index.step == Step::V137);
        Ok(wrong
            .map(|(index, wrong)| Obstacle {
                what: format!("The index {} is there but of no use: it is {wrong}", index.name),
                fix: format!("DROP INDEX {}.{};", self.prefix.quoted(), index.name),
            })
            .collect())
    }

    /// What stands in the way of columns that become text.
    async fn used_columns(&self) -> Result<Vec<Obstacle>, MigrateError> {
        match a2::require_free_columns(self.client, self.prefix).await {
            Ok(()) => Ok(Vec::new()),
            Err(MigrateError::ColumnsInUse { uses, .. }) => Ok(uses
                .into_iter()
                .map(|uses| Obstacle {
                    what: format!("Step a2 makes columns text, which PostgreSQL refuses because of {uses}"),
                    fix: "Drop it, go up, and make it again; or stop at step a1 with --to a1".to_owned(),
                })
                .collect()),
            Err(error) => Err(error),
        }
    }

    async fn measure(
        &self,
        steps: &[Step],
        catalog: &Catalog,
        way: PlannedWay,
    ) -> Result<Measured, MigrateError> {
        let meter = Meter { client: self.client, prefix: self.prefix };
        let last_run = LastRun::read(self.client, self.prefix).await.map_err(|error| failed(&error))?;
        let names: Vec<&str> = TABLE_NAMES.into_iter().chain(["aftersend_removed_events"]).collect();
        let mut measured = Measured {
            sizes: meter.sizes(&names).await.map_err(|error| failed(&error))?,
            broken_off: last_run.filter(|run| !run.is_done() && !run.running),
            ..Measured::default()
        };
        if way == PlannedWay::InTransactionWithoutRows || !steps.contains(&Step::V137) {
            return Ok(measured);
        }
        if catalog.table(EVENTS).is_some() {
            measured.events = meter.events().await?;
            if measured.events.is_none() {
                measured.not_counted.push(EVENTS);
            }
        }
        if catalog.table(LOGS).is_some() {
            measured.mails = meter.mails().await?;
            measured.ids = meter.ids_in_headers().await?;
            if measured.mails.is_none() || measured.ids.is_none() {
                measured.not_counted.push(LOGS);
            }
        }
        Ok(measured)
    }

    /// Times a part of each build, of the indexes that are to be built.
    async fn times(
        &self,
        steps: &[Step],
        catalog: &Catalog,
        measured: &Measured,
        trigrams: &Trigrams,
        way: PlannedWay,
    ) -> Result<HashMap<&'static str, Time>, MigrateError> {
        let mut times = HashMap::new();
        if !steps.contains(&Step::V137) {
            return Ok(times);
        }
        let meter = Meter { client: self.client, prefix: self.prefix };
        let there =
            |index: &Index| catalog.indexes.iter().any(|found| found.valid && index.matches(found).is_ok());
        for index in v137::indexes().filter(|index| !there(index)) {
            let Some(size) = measured.size(index.table) else { continue };
            // Without the extension there is nothing that takes trigrams.
            let trigrams = trigrams.create.is_none().then_some(trigrams.schema.as_str());
            let passes = if way == PlannedWay::Online { 2 } else { 1 };
            if let Some(time) = meter.build(index, size, trigrams, passes).await? {
                times.insert(index.name, time);
            }
        }
        Ok(times)
    }

    async fn steps(
        &self,
        steps: &[Step],
        survey: &Survey,
        catalog: &Catalog,
        measured: &Measured,
        (trigrams, times): (&Trigrams, &HashMap<&'static str, Time>),
        way: PlannedWay,
    ) -> Result<Vec<PlannedStep>, MigrateError> {
        let rows = self
            .client
            .query(include_str!("../sql/read_own_objects.sql"), &[&self.prefix.raw()])
            .await
            .map_err(|error| failed(&error))?;
        let own_objects: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let has_schema = self
            .client
            .query_opt("SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1", &[&self.prefix.raw()])
            .await
            .map_err(|error| failed(&error))?
            .is_some();
        let derived = if steps.contains(&Step::A1) {
            let column = format!("{LOGS}.aftersend_derived");
            let meter = Meter { client: self.client, prefix: self.prefix };
            match catalog.table(LOGS) {
                Some(_) => meter.derived(own_objects.contains(&column)).await?,
                None => Some(0),
            }
        } else {
            None
        };
        let removed = match measured.size("aftersend_removed_events") {
            Some(_) => Meter { client: self.client, prefix: self.prefix }.removed().await?,
            None => Some(0),
        };
        let planner = Planner {
            prefix: self.prefix,
            limits: self.options.limits,
            marker: self.marker,
            online: way == PlannedWay::Online,
            measured,
            has_schema,
            tables: &catalog.tables.iter().map(|table| table.name.clone()).collect::<Vec<_>>(),
            has_uuid_function: catalog.has_uuid_function,
            indexes: &catalog.indexes,
            trigrams,
            times,
            own_objects: &own_objects,
            pending: steps,
            removed,
            derived,
            with_events: self.mails_with_events(steps, catalog).await?,
            widened: &a2::changes(self.client, self.prefix).await.map_err(|error| failed(&error))?,
            parking: a4::look(self.client, self.prefix).await.map_err(|error| failed(&error))?,
        };
        let step = |step: &Step| match step {
            Step::V136 if self.marker >= 136 => planner.adopt(&survey.repairs),
            _ => planner.step(*step),
        };
        Ok(steps.iter().map(step).collect())
    }
}

/// Tables that are there, in the contract's order.
fn tables(measured: &Measured) -> Vec<PlannedTable> {
    let table = |name: &str| {
        let size = measured.size(name)?;
        Some(PlannedTable {
            name: name.to_owned(),
            rows: measured.rows(name).or((size.rows_bytes == 0).then_some(Amount::counted(0))),
            table_bytes: size.table_bytes,
            indexes_bytes: size.indexes_bytes,
        })
    };
    TABLE_NAMES.into_iter().chain(["aftersend_removed_events"]).filter_map(table).collect()
}
