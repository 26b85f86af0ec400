//! A plan, for a person who has to decide whether to go on.

use std::io;

use aftersend_store::schema::{
    Amount, Blocker, Manner, Operation, Plan, PlanTotals, PlannedStep, PlannedWay, Step,
};

use crate::output::{Output, plain};

use super::text::{self, Page};

/// The widest that lines get: longer ones are hard to read.
const COLUMNS_MAX: usize = 120;
/// What stands before what is said about an operation.
const INDENT: usize = 5;
/// The names of what is said, and the space behind them.
const LABEL: usize = 9;

/// Prints it. `command` is what does it.
pub(super) fn print(plan: &Plan, command: &str, output: Output) -> io::Result<()> {
    let columns = text::columns().min(COLUMNS_MAX);
    output.text(render(plan, command, columns).trim_end())
}

fn render(plan: &Plan, command: &str, columns: usize) -> String {
    let mut page = Page::new(columns);
    title(&mut page, plan);
    if plan.is_empty() {
        page.paragraph(0, "Nothing to do: the schema is at that step already.");
        return page.finish();
    }
    if !plan.obstacles.is_empty() {
        page.line("");
        page.paragraph(0, "In the way, so that nothing would be changed:");
        for (number, obstacle) in plan.obstacles.iter().enumerate() {
            page.item(&format!("{:>3}. ", number + 1), &plain(&obstacle.what));
            page.labelled(INDENT, LABEL, "fix", &plain(&obstacle.fix));
        }
        return page.finish();
    }
    summary(&mut page, plan);
    tables(&mut page, plan);
    for step in &plan.steps {
        self::step(&mut page, step, plan.way);
    }
    if !plan.blockers.is_empty() {
        page.line("");
        page.paragraph(0, "In the way at the moment");
        for blocker in &plan.blockers {
            page.item("  - ", &plain(&blocker_words(blocker)));
        }
    }
    if !plan.notices.is_empty() {
        page.line("");
        page.paragraph(0, "Worth knowing");
        for notice in &plan.notices {
            page.item("  - ", notice);
        }
    }
    page.line("");
    page.paragraph(0, &format!("Nothing has been changed. To do it: {command}"));
    page.finish()
}

fn title(page: &mut Page, plan: &Plan) {
    let from = plan.reached.map_or("nothing".to_owned(), |step| format!("step {step}"));
    let marker = match plan.phoenix_kit_version {
        Some(number) => format!(" (PhoenixKit version {number})"),
        None => String::new(),
    };
    page.paragraph(
        0,
        &format!("Plan for the schema {}: from {from}{marker} to step {}", plan.prefix, plan.target),
    );
}

fn summary(page: &mut Page, plan: &Plan) {
    let totals = &plan.totals;
    page.labelled(2, LABEL, "does", &does(plan));
    page.labelled(2, LABEL, "takes", &takes(totals));
    page.labelled(2, LABEL, "writers", &writers(plan));
    page.labelled(2, LABEL, "check", &check(plan));
}

fn does(plan: &Plan) -> String {
    let totals = &plan.totals;
    let mut parts = Vec::new();
    let steps: Vec<String> = plan.steps.iter().map(|step| step.step.to_string()).collect();
    if let Some(events) = totals.duplicate_events {
        parts.push(match events.number {
            0 => "finds no duplicate events".to_owned(),
            _ => format!("moves {} to aftersend_removed_events", text::counted(events, "duplicate event")),
        });
    }
    if let Some(mails) = totals.ids_filled_in {
        parts.push(match mails.number {
            0 => "fills in no SES ids".to_owned(),
            _ => format!("gives {} the SES id from its headers", text::counted(mails, "mail")),
        });
    }
    if totals.indexes_built > 0 {
        let bytes = totals.indexes_bytes.filter(|bytes| bytes.number > 0);
        let size = bytes.map_or(String::new(), |bytes| format!(", {} together", text::bytes(bytes)));
        parts.push(format!("builds {} indexes{size}", totals.indexes_built));
    }
    let makes = |step: &PlannedStep| step.step != Step::V137;
    let made: Vec<String> = plan
        .steps
        .iter()
        .filter(|step| makes(step))
        .map(|step| format!("step {}: {}", step.step, step.purpose))
        .collect();
    parts.extend(made);
    let number = if steps.len() == 1 { "Step" } else { "Steps" };
    format!("{number} {}: {}", text::listed(&steps), parts.join("; "))
}

fn takes(totals: &PlanTotals) -> String {
    let Some(seconds) = totals.seconds_min else {
        return "not known: nothing could be timed here".to_owned();
    };
    let rest = match totals.parts_without_time {
        0 => String::new(),
        1 => ", and 1 part was not timed at all".to_owned(),
        number => format!(", and {number} parts were not timed at all"),
    };
    format!(
        "longer than {}, which reading, sorting and taking trigrams take by themselves, timed on these tables just now; \
         writing what comes of it was not timed{rest}",
        text::seconds(seconds)
    )
}

fn writers(plan: &Plan) -> String {
    match plan.way {
        PlannedWay::Online => {
            let wait_ms = plan.totals.writer_waits_max_ms.unwrap_or_default();
            format!(
                "go on: it holds rows, or queues for a lock before them, for {wait_ms} ms at a time; where it takes \
                 longer, the part says so below"
            )
        }
        PlannedWay::InTransaction => {
            let time = plan
                .totals
                .writers_kept_out_seconds_min
                .map_or("not known".to_owned(), |seconds| format!("more than {}", text::seconds(seconds)));
            format!("are kept out of mails and events while step 137 runs: {time}; readers go on")
        }
        PlannedWay::InTransactionWithoutRows => {
            "there is nothing to write beside yet: no mails, no events; each step is one transaction"
                .to_owned()
        }
    }
}

fn check(plan: &Plan) -> String {
    let mut parts = Vec::new();
    match plan.blockers.len() {
        0 => parts.push("no long transaction is in the way now".to_owned()),
        1 => parts.push("a long transaction is in the way now, see below".to_owned()),
        number => parts.push(format!("{number} long transactions are in the way now, see below")),
    }
    if let Some(disk) = plan.totals.disk_bytes.filter(|disk| disk.number > 0) {
        parts.push(format!("free disk on the server: {}, and about as much log (WAL)", text::bytes(disk)));
    }
    if plan.steps.iter().any(|step| step.step == Step::V137) {
        parts.push("what writes events: duplicates are refused from then on".to_owned());
    }
    parts.join("; ")
}

fn tables(page: &mut Page, plan: &Plan) {
    let with_rows = || {
        plan.tables
            .iter()
            .filter(|table| table.table_bytes > 16 * 1024 || table.rows.is_some_and(|rows| rows.number > 0))
    };
    if with_rows().next().is_none() {
        return;
    }
    page.line("");
    page.paragraph(0, "Tables");
    let name = with_rows().map(|table| table.name.len()).max().unwrap_or(0);
    for table in with_rows() {
        let rows = table.rows.map_or("rows not counted".to_owned(), |rows| text::counted(rows, "row"));
        let line = format!(
            "  {:name$}  {rows:>18}  {:>9} and {:>9} of indexes",
            table.name,
            text::bytes(Amount::counted(table.table_bytes)),
            text::bytes(Amount::counted(table.indexes_bytes)),
        );
        if line.chars().count() <= page.columns() {
            page.line(&line);
        } else {
            page.line(&format!("  {}", table.name));
            page.paragraph(4, line[2 + name..].trim_start());
        }
    }
}

fn step(page: &mut Page, step: &PlannedStep, way: PlannedWay) {
    page.line("");
    page.paragraph(0, &format!("Step {}: {}", step.step, step.purpose));
    if way != PlannedWay::Online && step.step == Step::V137 {
        page.paragraph(2, "One transaction: BEGIN before the first statement, COMMIT behind the last.");
    }
    for (number, operation) in step.operations.iter().enumerate() {
        page.line("");
        self::operation(page, number + 1, operation);
    }
}

fn operation(page: &mut Page, number: usize, operation: &Operation) {
    page.item(&format!("{number:>3}. "), &plain(&operation.what));
    let mut label = |label: &str, words: &str| page.labelled(INDENT, LABEL, label, words);
    let condition = if operation.conditional { "; only where there is anything to do it to" } else { "" };
    label("how", &format!("{}{condition}", manner(operation.manner)));
    if operation.locks.is_empty() && operation.manner != Manner::TheTransaction {
        label("locks", "nothing that is there");
    }
    for lock in &operation.locks {
        label("locks", &format!("{}, {}: keeps out {}", lock.table, lock.mode, lock.keeps_out));
    }
    let touches = touches(operation);
    if !touches.is_empty() {
        label("touches", &touches);
    }
    if let Some(time) = &operation.time {
        let than = if time.at_least { "more than" } else { "about" };
        label("takes", &format!("{than} {}, {}", text::seconds(time.seconds), time.from));
    }
    if operation.statements.is_empty() {
        return;
    }
    let in_transaction = operation.manner == Manner::Guarded;
    let (begin, commit) = if in_transaction { (Some("BEGIN"), Some("COMMIT")) } else { (None, None) };
    let statements = begin.into_iter().chain(operation.statements.iter().map(String::as_str)).chain(commit);
    page.sql(INDENT, LABEL, "runs", statements);
}

fn touches(operation: &Operation) -> String {
    let mut parts = Vec::new();
    if let Some(rows) = operation.rows {
        parts.push(text::counted(rows, "row"));
    }
    if let Some(bytes) = operation.bytes_read.filter(|bytes| bytes.number > 0) {
        let twice = if operation.manner == Manner::Concurrently { ", twice" } else { "" };
        parts.push(format!("reads {}{twice}", text::bytes(bytes)));
    }
    if let Some(bytes) = operation.bytes_written.filter(|bytes| bytes.number > 0) {
        parts.push(format!("writes {}", text::bytes(bytes)));
    }
    parts.join(", ")
}

fn manner(manner: Manner) -> &'static str {
    match manner {
        Manner::Reads => "reads, range by range, and changes nothing",
        Manner::Plain => "one transaction",
        Manner::Guarded => {
            "one transaction, which gives way where it does not get its lock at once, and is tried again"
        }
        Manner::Batches => {
            "in batches of at most 40 ms, each a transaction of its own; what is found is looked at once more"
        }
        Manner::Concurrently => {
            "outside of a transaction; waits for older transactions while everybody goes on reading and writing"
        }
        Manner::TheTransaction => "in the step's one transaction",
    }
}

fn blocker_words(blocker: &Blocker) -> String {
    let mut about: Vec<String> = Vec::new();
    about.extend(blocker.application.clone());
    about.extend(blocker.user.as_ref().map(|user| format!("user {user}")));
    about.extend(blocker.state.clone());
    let since =
        blocker.since.as_ref().map_or(String::new(), |since| format!(", in a transaction since {since}"));
    format!("{} ({}){since}; holds up {}", blocker.who, about.join(", "), blocker.holds_up)
}

#[cfg(test)]
mod tests;
