//! What each step does, in order, as the runner does it.

mod builds;
mod own_steps;

use std::collections::HashMap;

use super::{Amount, Manner, Operation, PlannedLock, PlannedStep, Time, measure::Measured};
use crate::{
    Prefix,
    schema::{
        Limits, Step,
        adopt::{self, Act, Repair},
        catalog::FoundIndex,
        contract::{EVENTS, LOGS, MARKER_TABLE},
        online::{
            LOCKED_MAX,
            duplicates::{self, Kinds},
            guard, mails,
        },
        runner::record,
        steps::{
            a2::TableChange,
            a4, v136,
            v137::{self, Trigrams},
        },
    },
    sql::render,
};

/// Everything that decides what the steps do.
pub(super) struct Planner<'a> {
    pub(super) prefix: &'a Prefix,
    pub(super) limits: Limits,
    pub(super) marker: u32,
    pub(super) online: bool,
    pub(super) measured: &'a Measured,
    pub(super) has_schema: bool,
    /// Tables of V136 that are there, the marker's among them.
    pub(super) tables: &'a [String],
    pub(super) has_uuid_function: bool,
    /// Indexes that are there when the step begins.
    pub(super) indexes: &'a [FoundIndex],
    pub(super) trigrams: &'a Trigrams,
    /// What was timed of builds, by the index's name.
    pub(super) times: &'a HashMap<&'static str, Time>,
    pub(super) own_objects: &'a [String],
    /// The steps that are not there yet.
    pub(super) pending: &'a [Step],
    /// Events that were removed before, where they were counted.
    pub(super) removed: Option<u64>,
    /// Mails that step a1 marks, where they were counted.
    pub(super) derived: Option<u64>,
    /// Mails whose recipients step a3 finds in stored events, where they were counted.
    pub(super) with_events: Option<u64>,
    /// What step a2 does to each table.
    pub(super) widened: &'a [TableChange],
    /// What stands in the table that events are parked in.
    pub(super) parking: a4::Parking,
}

impl Planner<'_> {
    pub(super) fn step(&self, step: Step) -> PlannedStep {
        let operations = match (step, self.online) {
            (Step::V136, _) => self.v136(),
            (Step::V137, true) => self.v137_online(),
            (Step::V137, false) => self.v137_in_transaction(),
            (Step::A1, _) => self.a1(),
            (Step::A2, _) => self.a2(),
            (Step::A3, _) => self.a3(),
            (Step::A4, _) => self.a4(),
            (Step::A5, _) => self.a5(),
            (Step::A6, _) => self.a6(),
            (Step::A7, _) => self.a7(),
            (Step::A9, _) => self.a9(),
            (Step::A8, _) => self.a8(),
            (Step::A10, _) => self.a10(),
        };
        PlannedStep { step, purpose: step.purpose(), operations }
    }

    fn v136(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        if !self.has_schema {
            let create = v136::create_schema_sql(self.prefix);
            operations.push(plain(format!("Make the schema {}", self.prefix), create));
        }
        let mut statements = vec![guard(self.prefix, &self.limits, &[])];
        let mut made = Vec::new();
        for (name, statement) in v136::up_sql(self.prefix, self.tables, self.has_uuid_function) {
            made.extend(name);
            statements.push(statement);
        }
        let what = if made.is_empty() {
            "Put back the unique indexes that keep mails and blocks from being doubled".to_owned()
        } else {
            format!("Make the tables {}, with their indexes", listed(&made))
        };
        statements.extend(some(record(self.prefix, Step::V136, true, self.marker)));
        operations.push(Operation { statements, ..empty(what, Manner::Guarded) });
        operations
    }

    /// What tables that are there lack, each part as its repair has it.
    pub(super) fn adopt(&self, repairs: &[Repair]) -> PlannedStep {
        let operations =
            repairs.iter().flat_map(|repair| repair.acts.iter().map(|act| self.act(repair, act)));
        let operations = operations.collect();
        PlannedStep { step: Step::V136, purpose: "what these tables lack of PhoenixKit's V136", operations }
    }

    fn act(&self, repair: &Repair, act: &Act) -> Operation {
        let (manner, statements) = match act.way {
            adopt::Way::Guarded => {
                let guard = guard(self.prefix, &self.limits, adopt::locked(repair, act));
                (Manner::Guarded, vec![guard, act.sql.clone()])
            }
            adopt::Way::Concurrently => (Manner::Concurrently, vec![act.sql.clone()]),
            adopt::Way::Pages | adopt::Way::Keys => (Manner::Batches, vec![act.sql.clone()]),
        };
        let lock = match act.lock {
            adopt::Lock::None => None,
            adopt::Lock::RowExclusive => Some(rows_lock(repair.table)),
            adopt::Lock::ShareUpdateExclusive => Some(concurrently_lock(repair.table)),
            adopt::Lock::ShareRowExclusive => {
                let keeps_out = format!("writers, {}", self.moment());
                Some(lock(repair.table, act.lock.name(), keeps_out))
            }
            adopt::Lock::AccessExclusive => {
                let keeps_out = if repair.rewrites() {
                    "readers and writers, for as long as it takes to write the table anew: about a second"
                        .to_owned()
                } else {
                    format!("readers and writers, {}", self.moment())
                };
                Some(lock(repair.table, act.lock.name(), keeps_out))
            }
        };
        let reads = manner != Manner::Guarded || repair.rewrites();
        Operation {
            statements,
            locks: lock.into_iter().collect(),
            bytes_read: self.measured.rows_bytes(repair.table).filter(|_| reads),
            ..empty(format!("{}: {}", repair.table, repair.sentence), manner)
        }
    }

    /// How long a lock on the catalog's part of a table is held, and waited for.
    fn moment(&self) -> String {
        format!(
            "for a moment, and while it waits for its turn: {} ms an attempt at most",
            self.limits.lock_timeout.as_millis()
        )
    }

    fn v137_online(&self) -> Vec<Operation> {
        let mut operations = self.extension();
        operations.push(plain(
            "Make the tables aftersend_removed_events and aftersend_progress, where they are missing"
                .to_owned(),
            v137::own_tables_sql(self.prefix),
        ));
        if let Some(kinds) = v137::kinds_lacking(self.indexes) {
            operations.push(self.remove_duplicates(kinds));
        }
        for index in v137::indexes().filter(|index| index.unique) {
            operations.extend(self.build(index));
        }
        operations.push(self.fill_in_ids());
        for index in v137::indexes().filter(|index| !index.unique) {
            operations.extend(self.build(index));
        }
        if let Some(record) = some(record(self.prefix, Step::V137, true, self.marker)) {
            operations.push(self.write_down(record));
        }
        operations
    }

    /// The marker's comment.
    fn write_down(&self, record: String) -> Operation {
        Operation {
            statements: vec![guard(self.prefix, &self.limits, &[MARKER_TABLE]), record],
            locks: vec![lock(MARKER_TABLE, "SHARE UPDATE EXCLUSIVE", "nobody who reads or writes")],
            ..empty("Write down that the schema has the step".to_owned(), Manner::Guarded)
        }
    }

    fn extension(&self) -> Vec<Operation> {
        let create = self.trigrams.create.clone();
        create
            .map(|create| plain("Make PostgreSQL's extension pg_trgm, for searches".to_owned(), create))
            .into_iter()
            .collect()
    }

    /// How many events go.
    pub(super) fn duplicates(&self, kinds: Kinds) -> Option<Amount> {
        let Some(events) = self.measured.events else {
            let empty = self.measured.size(EVENTS).is_none_or(|size| size.rows_bytes == 0);
            return empty.then_some(Amount::counted(0));
        };
        let single = events.single - events.single_keys;
        let repeatable = events.repeatable - events.repeatable_keys;
        Some(Amount::counted(match kinds {
            Kinds::All => single + repeatable,
            Kinds::Single => single,
            Kinds::Repeatable => repeatable,
        }))
    }

    fn remove_duplicates(&self, kinds: Kinds) -> Operation {
        let rows = self.duplicates(kinds);
        let find = include_str!("../sql/137_find_duplicates.sql").replace("\"condition\"", kinds.condition());
        let reads = vec![
            render(include_str!("../sql/137_range_of_events.sql"), self.prefix),
            render(&find, self.prefix),
        ];
        let none = rows == Some(Amount::counted(0));
        let what = if none {
            "Look for duplicate events; there are none now".to_owned()
        } else {
            "Move duplicate events to aftersend_removed_events, whole: of a mail's events of one type (opens and \
             clicks: and one time) the one with the smallest uuid stays"
                .to_owned()
        };
        let row_bytes = self.row_bytes(EVENTS);
        let counting = self.measured.events.map(|events| Time {
            seconds: events.took.as_secs_f64(),
            at_least: !none,
            from: if none {
                "counting them just now"
            } else {
                "counting them just now; removing them comes on top"
            }
            .to_owned(),
        });
        Operation {
            statements: if none { Vec::new() } else { vec![duplicates::remove_sql(self.prefix)] },
            reads,
            locks: if none { Vec::new() } else { vec![rows_lock(EVENTS)] },
            rows,
            bytes_read: self.measured.rows_bytes(EVENTS),
            // The row as JSON in its new table, with that one's key.
            bytes_written: rows.map(|rows| Amount { measured: none, number: rows.number * row_bytes * 2 }),
            time: self.measured.by_last_run(duplicates::PHASE, EVENTS).or(counting),
            ..empty(what, if none { Manner::Reads } else { Manner::Batches })
        }
    }

    fn row_bytes(&self, table: &str) -> u64 {
        let rows = self.measured.rows(table).map_or(0, |rows| rows.number);
        self.measured.size(table).map_or(0, |size| size.row_bytes(rows))
    }

    fn fill_in_ids(&self) -> Operation {
        let rows = self.ids();
        let none = rows == Some(Amount::counted(0));
        let what = if none {
            "Look for mails without an SES id whose headers hold one; there are none now"
        } else {
            "Give mails without an SES id the one that their headers hold, each id to one mail only"
        };
        let reads = vec![
            render(include_str!("../sql/range_of_mails.sql"), self.prefix),
            render(include_str!("../sql/137_find_ids_in_headers.sql"), self.prefix),
        ];
        Operation {
            statements: if none { Vec::new() } else { vec![mails::fill_in_sql(self.prefix)] },
            reads,
            locks: if none { Vec::new() } else { vec![rows_lock(LOGS)] },
            rows,
            bytes_read: self.measured.rows_bytes(LOGS),
            bytes_written: self.updated_bytes(rows),
            time: self.measured.by_last_run(mails::PHASE_FILL_IN, LOGS),
            ..empty(what.to_owned(), if none { Manner::Reads } else { Manner::Batches })
        }
    }

    pub(super) fn ids(&self) -> Option<Amount> {
        let empty = self.measured.size(LOGS).is_none_or(|size| size.rows_bytes == 0);
        self.measured.ids.or(empty.then_some(0)).map(Amount::counted)
    }

    /// A changed mail is written anew, and into every index.
    fn updated_bytes(&self, rows: Option<Amount>) -> Option<Amount> {
        let indexes = self.measured.size(LOGS).map_or(0, |size| size.indexes);
        rows.map(|rows| Amount {
            number: rows.number * (self.row_bytes(LOGS) + indexes * 64),
            measured: rows.number == 0 && rows.measured,
        })
    }

    fn v137_in_transaction(&self) -> Vec<Operation> {
        let keeps_out = "everybody who writes to it, from here to the commit; readers go on";
        let mut operations = self.extension();
        operations.push(Operation {
            statements: vec![guard(self.prefix, &self.limits, &[LOGS, EVENTS]), v137::lock_sql(self.prefix)],
            locks: vec![
                lock(LOGS, "SHARE ROW EXCLUSIVE", keeps_out),
                lock(EVENTS, "SHARE ROW EXCLUSIVE", keeps_out),
            ],
            ..empty("Lock mails, then events, as writers take them".to_owned(), Manner::TheTransaction)
        });
        operations.push(Operation {
            statements: vec![v137::own_tables_sql(self.prefix)],
            ..empty(
                "Make the tables aftersend_removed_events and aftersend_progress, where they are missing"
                    .to_owned(),
                Manner::TheTransaction,
            )
        });
        operations.push(Operation {
            statements: vec![v137::remove_all_sql(self.prefix)],
            reads: Vec::new(),
            locks: Vec::new(),
            manner: Manner::TheTransaction,
            ..self.remove_duplicates(Kinds::All)
        });
        for index in v137::indexes().filter(|index| index.unique) {
            operations.extend(self.put_in_place(index));
        }
        operations.push(Operation {
            statements: vec![v137::fill_in_all_sql(self.prefix)],
            reads: Vec::new(),
            locks: Vec::new(),
            manner: Manner::TheTransaction,
            ..self.fill_in_ids()
        });
        for index in v137::indexes().filter(|index| !index.unique) {
            operations.extend(self.put_in_place(index));
        }
        if let Some(record) = some(record(self.prefix, Step::V137, true, self.marker)) {
            operations.push(Operation {
                statements: vec![record],
                ..empty("Write down that the schema has the step".to_owned(), Manner::TheTransaction)
            });
        }
        operations
    }
}

fn empty(what: String, manner: Manner) -> Operation {
    Operation {
        what,
        manner,
        statements: Vec::new(),
        reads: Vec::new(),
        conditional: false,
        locks: Vec::new(),
        rows: None,
        bytes_read: None,
        bytes_written: None,
        time: None,
    }
}

fn plain(what: String, statement: String) -> Operation {
    Operation { statements: vec![statement], ..empty(what, Manner::Plain) }
}

fn lock(table: &str, mode: &'static str, keeps_out: impl Into<String>) -> PlannedLock {
    PlannedLock { table: table.to_owned(), mode, keeps_out: keeps_out.into() }
}

/// The lock that writing rows takes.
fn rows_lock(table: &str) -> PlannedLock {
    let keeps_out =
        format!("nobody but writers of the very rows of a batch, for {} ms at most", LOCKED_MAX.as_millis());
    lock(table, "ROW EXCLUSIVE", keeps_out)
}

fn concurrently_lock(table: &str) -> PlannedLock {
    let keeps_out =
        "nobody who reads or writes; VACUUM, ANALYZE and changes of the table wait until it is done";
    lock(table, "SHARE UPDATE EXCLUSIVE", keeps_out)
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn some(statement: String) -> Option<String> {
    (!statement.is_empty()).then_some(statement)
}
