//! What stands in the way of a plan, what to know before, and what it comes to.

use tokio_postgres::{Client, Row};

use super::{
    Amount, Blocker, Manner, Obstacle, Operation, Plan, PlanTotals, PlannedWay,
    measure::{COUNT_BUDGET, Measured},
};
use crate::{
    Prefix,
    schema::{
        MigrateError, Step, UpOptions, adopt,
        catalog::Catalog,
        contract::{MARKER_TABLE, TABLE_NAMES},
        online::LOCKED_MAX,
    },
};

/// How old a transaction is that is worth telling of: an application's usual ones have ended by then.
const BLOCKER_AGE_S: f64 = 2.0;

/// Why the schema's version can't be told.
pub(super) fn no_status(prefix: &Prefix, error: MigrateError) -> Result<Obstacle, MigrateError> {
    match error {
        MigrateError::Marker { found, .. } => Ok(Obstacle {
            what: format!(
                "The table {prefix}.{MARKER_TABLE} has {found}, where its version number should stand, so nobody can \
                 tell what this schema holds"
            ),
            fix: format!("If you know: COMMENT ON TABLE {}.{MARKER_TABLE} IS '136';", prefix.quoted()),
        }),
        MigrateError::TooNew { step, .. } => Ok(Obstacle {
            what: format!("The schema {prefix} holds the step {step}, made by a newer Aftersend"),
            fix: "Use that one or a newer one".to_owned(),
        }),
        other => Err(other),
    }
}

pub(super) fn before_baseline(prefix: &Prefix, marker: u32) -> Obstacle {
    Obstacle {
        what: format!("The schema {prefix} is at PhoenixKit's version {marker}, and Aftersend begins at 136"),
        fix: format!(
            "Run PhoenixKit's own migrations up to 136 first. Where no PhoenixKit application uses the schema any \
             more: COMMENT ON TABLE {}.{MARKER_TABLE} IS '136';",
            prefix.quoted()
        ),
    }
}

/// What keeps tables from being brought to V136.
pub(super) fn drifted(found: &[adopt::Obstacle]) -> Vec<Obstacle> {
    // Tables without a marker have one way out together, which stands behind them.
    if let [together @ .., way_out] = found
        && !together.is_empty()
        && found.iter().all(|obstacle| obstacle.remedy.is_empty())
    {
        let what: Vec<&str> = together.iter().map(|obstacle| obstacle.what.as_str()).collect();
        return vec![Obstacle { what: what.join("; "), fix: way_out.what.clone() }];
    }
    found
        .iter()
        .map(|obstacle| Obstacle { what: obstacle.what.clone(), fix: obstacle.remedy.clone() })
        .collect()
}

/// What the user may do.
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of the server")]
pub(super) struct Rights {
    user: String,
    read_only: bool,
    has_schema: bool,
    may_create: bool,
    sees_sessions: bool,
    has_trigrams: bool,
    offers_trigrams: bool,
    may_make_trigrams: bool,
}

impl Rights {
    pub(super) async fn read(client: &Client, prefix: &Prefix) -> Result<Self, tokio_postgres::Error> {
        let row = client.query_one(include_str!("../sql/read_user_rights.sql"), &[&prefix.raw()]).await?;
        let is = |column: &str| row.get::<_, Option<bool>>(column).unwrap_or(false);
        Ok(Self {
            user: row.get("name"),
            read_only: is("read_only"),
            has_schema: is("has_schema"),
            may_create: is("may_create"),
            sees_sessions: is("sees_sessions"),
            has_trigrams: is("has_trigrams"),
            offers_trigrams: is("offers_trigrams"),
            may_make_trigrams: is("may_make_trigrams"),
        })
    }

    pub(super) fn obstacles(&self, prefix: &Prefix, steps: &[Step], catalog: &Catalog) -> Vec<Obstacle> {
        let user = format!("\"{}\"", self.user.replace('"', "\"\""));
        let mut obstacles = Vec::new();
        let mut add = |what: String, fix: String| obstacles.push(Obstacle { what, fix });
        if self.read_only {
            add(
                "The database is read-only: a standby, or set so".to_owned(),
                "Give the primary's address".to_owned(),
            );
        }
        if !self.may_create {
            if self.has_schema {
                let what = format!("The user {} may not make tables in the schema {prefix}", self.user);
                add(what, format!("GRANT CREATE, USAGE ON SCHEMA {} TO {user};", prefix.quoted()));
            } else {
                let what =
                    format!("There is no schema {prefix}, and the user {} may not make one", self.user);
                add(what, format!("CREATE SCHEMA {} AUTHORIZATION {user};", prefix.quoted()));
            }
        }
        let foreign = catalog.tables.iter().filter(|table| !table.owned);
        for table in foreign {
            add(
                format!("The table {} belongs to {}, not to {}", table.name, table.owner, self.user),
                format!(
                    "Run this as {}, or as a member of it: GRANT \"{}\" TO {user};",
                    table.owner, table.owner
                ),
            );
        }
        if steps.contains(&Step::V137) && !self.has_trigrams {
            if !self.offers_trigrams {
                add(
                    "Step 137 needs PostgreSQL's extension pg_trgm, which the server does not offer".to_owned(),
                    "Install its contrib package (Fedora: postgresql-contrib; Debian's server package holds it)"
                        .to_owned(),
                );
            } else if !self.may_make_trigrams {
                add(
                    format!(
                        "Step 137 needs the extension pg_trgm in this database, and the user {} may not make it",
                        self.user
                    ),
                    "Have it made once by the database's owner: CREATE EXTENSION pg_trgm;".to_owned(),
                );
            }
        }
        obstacles
    }
}

/// Transactions that something of the plan would wait for.
pub(super) async fn blockers(
    client: &Client,
    prefix: &Prefix,
    plan: &Plan,
) -> Result<Vec<Blocker>, tokio_postgres::Error> {
    let tables: Vec<&str> = TABLE_NAMES.into_iter().chain([MARKER_TABLE]).collect();
    let statement = include_str!("../sql/read_blockers.sql");
    let rows = client.query(statement, &[&prefix.raw(), &tables, &BLOCKER_AGE_S]).await?;
    Ok(rows.iter().filter_map(|row| blocker(row, plan)).collect())
}

fn blocker(row: &Row, plan: &Plan) -> Option<Blocker> {
    let (holds_lock, writes): (bool, bool) = (row.get("holds_lock"), row.get("writes"));
    let has = |manner: Manner| operations(plan).any(|operation| operation.manner == manner);
    let exclusive = operations(plan).any(|operation| {
        operation.manner == Manner::Guarded
            && operation.locks.iter().any(|lock| lock.mode == "ACCESS EXCLUSIVE")
    });
    let mut holds_up = Vec::new();
    // Each waits for all transactions that are as old as itself.
    holds_up.extend(has(Manner::Concurrently).then_some("index builds and drops"));
    holds_up.extend((writes && has(Manner::TheTransaction)).then_some("the locks that step 137 begins with"));
    holds_up.extend((holds_lock && exclusive).then_some("changes of columns"));
    if holds_up.is_empty() {
        return None;
    }
    let since: Option<jiff::Timestamp> = row.get("since");
    Some(Blocker {
        pid: row.get("pid"),
        who: row.get("who"),
        application: row.get("application"),
        user: row.get("user_name"),
        state: row.get("state"),
        since: since.map(|since| since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        holds_up: holds_up.join(", "),
    })
}

/// Fills in what follows from the steps.
pub(super) fn fill_in(plan: &mut Plan, measured: &Measured, rights: &Rights, options: &UpOptions) {
    plan.totals = totals(plan, options);
    plan.notices = notices(plan, measured, rights);
}

fn operations(plan: &Plan) -> impl Iterator<Item = &Operation> {
    plan.steps.iter().flat_map(|step| &step.operations)
}

fn is_build(operation: &Operation) -> bool {
    operation.statements.last().is_some_and(|statement| {
        statement.starts_with("CREATE INDEX")
            || statement.starts_with("CREATE UNIQUE INDEX")
            || statement.starts_with("REINDEX")
    })
}

/// The rows of the operation that runs, or would run, this kind of statement.
fn rows_of(plan: &Plan, words: &str) -> Option<Amount> {
    operations(plan).find(|operation| operation.what.contains(words)).and_then(|operation| operation.rows)
}

fn totals(plan: &Plan, options: &UpOptions) -> PlanTotals {
    let builds: Vec<&Operation> = operations(plan).filter(|operation| is_build(operation)).collect();
    let sum = |amounts: &mut dyn Iterator<Item = Amount>| amounts.reduce(|all, one| all + one);
    let written = sum(&mut operations(plan).filter_map(|operation| operation.bytes_written));
    let long = |operation: &&Operation| {
        is_build(operation) || operation.manner == Manner::Batches || operation.bytes_read.is_some()
    };
    let times: Vec<f64> =
        operations(plan).filter_map(|operation| operation.time.as_ref()).map(|time| time.seconds).collect();
    let seconds_min = (!times.is_empty()).then(|| times.iter().sum());
    let in_transaction = plan.way == PlannedWay::InTransaction;
    PlanTotals {
        duplicate_events: rows_of(plan, "duplicate events"),
        ids_filled_in: rows_of(plan, "SES id"),
        indexes_built: builds.len(),
        indexes_bytes: sum(&mut builds.iter().filter_map(|build| build.bytes_written)),
        disk_bytes: written,
        wal_bytes: written,
        seconds_min,
        parts_without_time: operations(plan)
            .filter(long)
            .filter(|operation| operation.time.is_none())
            .count(),
        writer_waits_max_ms: (plan.way == PlannedWay::Online).then(|| {
            let longest = LOCKED_MAX.max(options.limits.lock_timeout).as_millis();
            u64::try_from(longest).unwrap_or(u64::MAX)
        }),
        writers_kept_out_seconds_min: seconds_min.filter(|_| in_transaction),
    }
}

fn notices(plan: &Plan, measured: &Measured, rights: &Rights) -> Vec<String> {
    let mut notices = Vec::new();
    let v137 = plan.steps.iter().any(|step| step.step == Step::V137);
    let with_rows = plan.way != PlannedWay::InTransactionWithoutRows;
    if v137 {
        notices.push(
            "From the moment a unique index is ready, a writer that inserts a duplicate event gets an error (23505), \
             or nothing with ON CONFLICT DO NOTHING, as under PhoenixKit's V137. PhoenixKit's own code is made for that"
                .to_owned(),
        );
    }
    if v137 && plan.way == PlannedWay::Online {
        notices.push(
            "An application that goes on writing duplicates makes a build fail now and then; it is tried up to 20 \
             times, and what came meanwhile is removed, too. If that does not do, it says so and what to stop. While a \
             build is done again, a 23505 may name the index with _ccnew or _ccold behind its name"
                .to_owned(),
        );
    }
    if v137 && with_rows {
        notices.push(
            "Removed events stay in aftersend_removed_events; `migrate down --to 136 --restore-removed` puts them back. \
             SES ids that were filled in stay on the way down"
                .to_owned(),
        );
        notices.push(
            "The server's free disk can't be read from here. Beside the indexes a build sorts in temporary files of about \
             their size, and the log (WAL) is kept until every standby and archive has it"
                .to_owned(),
        );
    }
    if with_rows && plan.steps.iter().any(|step| step.step == Step::A2) {
        notices.push(
            "When step a2 makes columns text, a session of the application that has prepared a query on them gets one \
             error (0A000, \"cached plan must not change result type\") and prepares it anew"
                .to_owned(),
        );
    }
    if plan.way == PlannedWay::Online {
        notices.push(
            "It may be ended at any moment (Ctrl-C, a lost connection): what is done stays, and the next `migrate up` goes \
             on from there"
                .to_owned(),
        );
    }
    if v137 && plan.way == PlannedWay::InTransaction {
        notices.push(
            "Writers of mails and events wait from the lock to the commit, and so may everything that waits for them. \
             Without --in-transaction nobody is kept out"
                .to_owned(),
        );
    }
    for table in &measured.not_counted {
        notices.push(format!(
            "{table} could not be counted within {} s (or may not be read, or lacks columns that step 136 adds), so its \
             numbers are PostgreSQL's estimates",
            COUNT_BUDGET.as_secs()
        ));
    }
    if !rights.sees_sessions {
        notices.push(format!(
            "The user {} can't see other users' transactions, so long ones may be missing here: GRANT pg_read_all_stats \
             shows them",
            rights.user
        ));
    }
    notices
}
