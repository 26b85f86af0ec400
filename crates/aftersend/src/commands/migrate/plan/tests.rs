//! What people read.

use aftersend_store::schema::{Obstacle, Operation, PlannedLock};

use super::*;

fn plan() -> Plan {
    Plan {
        prefix: "public".to_owned(),
        phoenix_kit_version: Some(136),
        reached: Some(Step::V136),
        target: Step::V137,
        way: PlannedWay::Online,
        tables: Vec::new(),
        steps: vec![PlannedStep {
            step: Step::V137,
            purpose: "no duplicates",
            operations: vec![Operation {
                what: "Look".to_owned(),
                manner: Manner::Guarded,
                statements: vec!["-- Why.\nUPDATE mail\nSET a = 'b c'".to_owned()],
                reads: Vec::new(),
                conditional: false,
                locks: vec![PlannedLock {
                    table: "mail".to_owned(),
                    mode: "ROW EXCLUSIVE",
                    keeps_out: "nobody".to_owned(),
                }],
                rows: Some(Amount::counted(1_200)),
                bytes_read: Some(Amount::counted(2 << 20)),
                bytes_written: Some(Amount::estimated(30_000)),
                time: None,
            }],
        }],
        totals: PlanTotals { writer_waits_max_ms: Some(50), ..PlanTotals::default() },
        blockers: Vec::new(),
        notices: Vec::new(),
        obstacles: Vec::new(),
    }
}

#[test]
fn an_operation_is_told_with_its_numbers_and_its_statements_as_they_run() {
    let text = render(&plan(), "aftersend migrate up", 80);
    let operation = "  1. Look
     how      one transaction, which gives way where it does not get its lock at
              once, and is tried again
     locks    mail, ROW EXCLUSIVE: keeps out nobody
     touches  1,200 rows, reads 2,048 kB, writes about 29 kB
     runs     BEGIN;
              UPDATE mail
              SET a = 'b c';
              COMMIT;
";
    assert!(text.contains(operation), "{text}");
    assert!(text.contains("not known: nothing could be timed here"), "{text}");
    assert!(text.ends_with("To do it: aftersend migrate up\n"), "{text}");
}

#[test]
fn with_an_obstacle_nothing_else_is_told() {
    let obstacle = Obstacle { what: "It is \u{1b}[31mred".to_owned(), fix: "Paint it".to_owned() };
    let text = render(&Plan { obstacles: vec![obstacle], ..plan() }, "aftersend migrate up", 80);
    // Names come from a database, and move no cursor.
    assert!(text.contains("  1. It is \u{fffd}[31mred\n     fix      Paint it\n"), "{text}");
    assert!(!text.contains("To do it"), "{text}");
}
