//! What the own steps do.

use super::{Planner, concurrently_lock, empty, listed, lock, rows_lock};
use crate::{
    schema::{
        Step,
        contract::{EVENTS, LOGS, ORPHANED_EVENTS},
        online::{duplicates::Kinds, fold, guard, mails, recipients},
        plan::{Amount, Manner, Operation, PlannedLock},
        runner::record_own,
        steps::{a1, a3, a4, a5, a6, a7, a8, a9, a10, tables::Tables},
    },
    sql::render,
};

/// A seconds' place in the ledger that only the run will know.
const SECONDS_LATER: &str = "…";

impl Planner<'_> {
    pub(super) fn a1(&self) -> Vec<Operation> {
        let mut operations: Vec<Operation> =
            a1::parts_lacking(self.own_objects).map(|part| self.own_part(part)).collect();
        let reads = vec![
            render(include_str!("../../sql/range_of_mails.sql"), self.prefix),
            render(include_str!("../../sql/a1_find_derived.sql"), self.prefix),
        ];
        let none = self.derived == Some(0);
        let what = if none {
            "Look for mails that were made from events before; there are none now"
        } else {
            "Mark mails that were made from events before the step went down"
        };
        let rows = self.derived.map(Amount::counted);
        operations.push(Operation {
            statements: if none { Vec::new() } else { vec![mails::mark_sql(self.prefix)] },
            reads,
            locks: if none { Vec::new() } else { vec![rows_lock(LOGS)] },
            rows,
            bytes_read: self.measured.rows_bytes(LOGS),
            bytes_written: self.updated_bytes(rows),
            ..empty(what.to_owned(), if none { Manner::Reads } else { Manner::Batches })
        });
        operations.push(self.fold_removed());
        operations.push(Operation {
            statements: vec![
                guard(self.prefix, &self.limits, &[]),
                record_own(self.prefix, Step::A1, SECONDS_LATER),
            ],
            ..empty("Write down in aftersend_steps that the schema has the step".to_owned(), Manner::Guarded)
        });
        operations
    }

    pub(super) fn a2(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for change in self.widened.iter().filter(|change| !change.widen.is_empty()) {
            let keeps_out = format!("readers and writers, {}", self.moment());
            operations.push(Operation {
                statements: vec![guard(self.prefix, &self.limits, &[change.table]), change.widen.clone()],
                locks: vec![lock(change.table, "ACCESS EXCLUSIVE", keeps_out)],
                rows: Some(Amount::counted(0)),
                ..empty(
                    format!(
                        "Make {} of {} text, in the catalog alone: no row and no index is written anew",
                        listed(&change.columns),
                        change.table
                    ),
                    Manner::Guarded,
                )
            });
        }
        for change in self.widened.iter().filter(|change| !change.analyze.is_empty()) {
            operations.push(Operation {
                statements: vec![change.analyze.clone()],
                conditional: true,
                locks: vec![concurrently_lock(change.table)],
                ..empty(
                    format!(
                        "Look at a sample of the values of {}, whose statistics go with the old type",
                        change.table
                    ),
                    Manner::Concurrently,
                )
            });
        }
        operations.push(Operation {
            statements: vec![
                guard(self.prefix, &self.limits, &[]),
                record_own(self.prefix, Step::A2, SECONDS_LATER),
            ],
            ..empty("Write down in aftersend_steps that the schema has the step".to_owned(), Manner::Guarded)
        });
        operations
    }

    pub(super) fn a3(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        if !self.own_objects.iter().any(|object| object == a3::TABLE) {
            let keeps_out = format!("writers, {}", self.moment());
            operations.push(Operation {
                statements: vec![guard(self.prefix, &self.limits, &[LOGS]), render(a3::UP, self.prefix)],
                locks: vec![lock(LOGS, "SHARE ROW EXCLUSIVE", keeps_out)],
                rows: Some(Amount::counted(0)),
                ..empty(format!("Make the table {}", a3::TABLE), Manner::Guarded)
            });
        }
        operations.push(self.fill_in_recipients());
        operations.push(Operation {
            statements: vec![
                guard(self.prefix, &self.limits, &[]),
                record_own(self.prefix, Step::A3, SECONDS_LATER),
            ],
            ..empty("Write down in aftersend_steps that the schema has the step".to_owned(), Manner::Guarded)
        });
        operations
    }

    pub(super) fn a4(&self) -> Vec<Operation> {
        let mut operations: Vec<Operation> =
            a4::parts_lacking(self.own_objects).map(|part| self.own_part(part)).collect();
        if !self.own_objects.iter().any(|object| object == a4::PARKED_INDEX) {
            operations.push(self.parked_index());
        }
        operations.push(Operation {
            statements: vec![
                guard(self.prefix, &self.limits, &[]),
                record_own(self.prefix, Step::A4, SECONDS_LATER),
            ],
            ..empty("Write down in aftersend_steps that the schema has the step".to_owned(), Manner::Guarded)
        });
        operations
    }

    pub(super) fn a5(&self) -> Vec<Operation> {
        self.tables(
            Step::A5,
            &a5::STEP,
            "Make the tables of sums of figures; the mails are counted later, while `serve` runs",
        )
    }

    pub(super) fn a6(&self) -> Vec<Operation> {
        let what = "Make the tables of sums of figures by domains, reasons of bounces and links; the mails are counted later, \
                    while `serve` runs";
        self.tables(Step::A6, &a6::STEP, what)
    }

    pub(super) fn a7(&self) -> Vec<Operation> {
        self.tables(Step::A7, &a7::STEP, "Make the tables of compressed bodies; no body is touched")
    }

    pub(super) fn a8(&self) -> Vec<Operation> {
        self.tables(Step::A8, &a8::STEP, "Make the tables of what is archived")
    }

    pub(super) fn a10(&self) -> Vec<Operation> {
        self.tables(Step::A10, &a10::STEP, "Make the tables of jobs and of their runs")
    }

    /// Tables of our own, which a step makes where some of them are not there.
    fn tables(&self, step: Step, tables: &Tables, what: &str) -> Vec<Operation> {
        let mut operations = Vec::new();
        if let Some(make) = tables.up_sql(self.prefix, self.own_objects) {
            let held = format!("writers, {}", self.moment());
            let lock = |table: &&'static str| lock(table, "SHARE ROW EXCLUSIVE", held.clone());
            operations.push(Operation {
                statements: vec![guard(self.prefix, &self.limits, tables.locks), make],
                locks: tables.locks.iter().map(lock).collect(),
                rows: Some(Amount::counted(0)),
                ..empty(what.to_owned(), Manner::Guarded)
            });
        }
        operations.push(Operation {
            statements: vec![
                guard(self.prefix, &self.limits, &[]),
                record_own(self.prefix, step, SECONDS_LATER),
            ],
            ..empty("Write down in aftersend_steps that the schema has the step".to_owned(), Manner::Guarded)
        });
        operations
    }

    pub(super) fn a9(&self) -> Vec<Operation> {
        let mut operations: Vec<Operation> =
            a9::parts_lacking(self.own_objects).map(|part| self.own_part(part)).collect();
        operations.push(Operation {
            statements: vec![
                guard(self.prefix, &self.limits, &[]),
                record_own(self.prefix, Step::A9, SECONDS_LATER),
            ],
            ..empty("Write down in aftersend_steps that the schema has the step".to_owned(), Manner::Guarded)
        });
        operations
    }

    fn fill_in_recipients(&self) -> Operation {
        let reads = vec![
            render(include_str!("../../sql/a3_range_of_events.sql"), self.prefix),
            render(include_str!("../../sql/a3_find_events.sql"), self.prefix),
            render(include_str!("../../sql/a3_find_folded.sql"), self.prefix),
        ];
        let bytes_read = self.measured.rows_bytes(EVENTS);
        if self.with_events == Some(0) {
            let what = "Look for events that are kept whole, which tell recipients; there are none now";
            return Operation { reads, bytes_read, ..empty(what.to_owned(), Manner::Reads) };
        }
        Operation {
            statements: recipients::statements(self.prefix).into(),
            reads,
            conditional: true,
            locks: vec![PlannedLock { mode: "ROW SHARE", ..rows_lock(LOGS) }],
            // A row for each recipient, and most mails have one.
            rows: self.with_events.map(Amount::estimated),
            bytes_read,
            time: self.measured.by_last_run(recipients::PHASE, EVENTS),
            ..empty(
                format!("Fill {} with what the events tell that are kept whole", a3::TABLE),
                Manner::Batches,
            )
        }
    }

    fn parked_index(&self) -> Operation {
        let what = format!("Build the index {}: how many events wait for their mail", a4::PARKED_INDEX);
        let rows = Some(Amount::counted(0));
        if self.parking == a4::Parking::InUse {
            return Operation {
                statements: a4::build_beside_sql(self.prefix).into(),
                locks: vec![concurrently_lock(ORPHANED_EVENTS)],
                rows,
                bytes_read: self.measured.rows_bytes(ORPHANED_EVENTS),
                ..empty(what, Manner::Concurrently)
            };
        }
        let keeps_out = format!("writers, {}", self.moment());
        Operation {
            statements: vec![
                guard(self.prefix, &self.limits, &[ORPHANED_EVENTS]),
                a4::build_sql(self.prefix),
            ],
            locks: vec![lock(ORPHANED_EVENTS, "ACCESS EXCLUSIVE", keeps_out)],
            rows,
            ..empty(what, Manner::Guarded)
        }
    }

    fn fold_removed(&self) -> Operation {
        let to_come = if self.pending.contains(&Step::V137) {
            self.duplicates(Kinds::All)
        } else {
            Some(Amount::counted(0))
        };
        let rows = self.removed.map(Amount::counted).zip(to_come).map(|(there, to_come)| there + to_come);
        let none = rows.is_some_and(|rows| rows.number == 0);
        if none {
            let what = "Look for removed events that are other occurrences; there are no removed events";
            return empty(what.to_owned(), Manner::Reads);
        }
        Operation {
            statements: fold::statements(self.prefix).into(),
            reads: vec![
                render(include_str!("../../sql/a1_find_removed.sql"), self.prefix),
                render(include_str!("../../sql/a1_find_standing.sql"), self.prefix),
            ],
            conditional: true,
            locks: vec![PlannedLock { mode: "ROW SHARE", ..rows_lock(LOGS) }],
            rows,
            time: self.measured.by_last_run(fold::PHASE, "aftersend_removed_events"),
            ..empty(
                "Look through the removed events, and fold those into aftersend_folded_events that are other occurrences \
                 than the ones that stayed (a second recipient's delivery, another link)"
                    .to_owned(),
                Manner::Batches,
            )
        }
    }

    fn own_part(&self, part: &a1::Part) -> Operation {
        let for_a_moment = |whom: &str| format!("{whom}, {}", self.moment());
        let columns: Vec<&str> = part.objects.iter().copied().filter(|object| object.contains('.')).collect();
        let (what, mode, whom) = if part.objects.iter().all(|object| object.ends_with("_idx")) {
            let what = format!("Build the index {}, on a table of our own", listed(part.objects));
            (what, "SHARE", for_a_moment("writers"))
        } else if columns.is_empty() {
            let what = format!("Make the tables {}, where they are missing", listed(part.objects));
            (what, "SHARE ROW EXCLUSIVE", for_a_moment("writers"))
        } else {
            let what = format!("Add {}, which may be NULL", listed(&columns));
            (what, "ACCESS EXCLUSIVE", for_a_moment("readers and writers"))
        };
        Operation {
            statements: vec![
                guard(self.prefix, &self.limits, &[part.table]),
                render(part.statements, self.prefix),
            ],
            locks: vec![lock(part.table, mode, whom)],
            rows: Some(Amount::counted(0)),
            ..empty(what, Manner::Guarded)
        }
    }
}
