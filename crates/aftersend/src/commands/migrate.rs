//! `aftersend migrate`.

mod plan;
mod progress;
pub(super) mod text;

use aftersend_store::schema::{
    Difference, DownOptions, LastRun, Migrator, SchemaStatus, Step, StepReport, Target, UpOptions,
    Verification,
};
use serde_json::json;

use crate::{
    Outcome,
    cli::{LimitArgs, MigrateCommand},
    database::Place,
    output::{Output, plain},
};
use progress::Shown;

pub(crate) async fn run(command: &MigrateCommand, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let prefix = place.prefix.clone();
    let reports = match command {
        MigrateCommand::Status => {
            let status = Migrator::status(&place.address, &prefix).await?;
            let last_run = Migrator::last_run(&place.address, &prefix).await?;
            print_status(&status, last_run.as_ref(), place, output)?;
            return Ok(Outcome::Done);
        }
        MigrateCommand::Verify => {
            let found = Migrator::verify(&place.address, &prefix).await?;
            print_verification(&found, output)?;
            return Ok(if found.is_whole() { Outcome::Done } else { Outcome::Failed });
        }
        MigrateCommand::Plan { to, in_transaction, limits }
        | MigrateCommand::Up { to, in_transaction, dry_run: true, limits } => {
            return plan(options(*to, *in_transaction, *limits), place, output).await;
        }
        MigrateCommand::Up { to, in_transaction, dry_run: false, limits } => {
            let mut migrator = Migrator::open(&place.address, prefix).await?;
            migrator.watch(Shown::new());
            migrator.up(options(*to, *in_transaction, *limits)).await?
        }
        MigrateCommand::Down { to, discard_own_data, drop_data, restore_removed, limits } => {
            let mut migrator = Migrator::open(&place.address, prefix.clone()).await?;
            let target = match to {
                Some(target) => *target,
                None => one_below(&Migrator::status(&place.address, &prefix).await?),
            };
            let options = DownOptions {
                discard_own_data: *discard_own_data,
                drop_data: *drop_data,
                restore_removed: *restore_removed,
                limits: (*limits).into(),
            };
            migrator.watch(Shown::new());
            migrator.down(target, options).await?
        }
    };
    print_reports(&reports, place, output)?;
    Ok(Outcome::Done)
}

fn options(to: Step, in_transaction: bool, limits: LimitArgs) -> UpOptions {
    UpOptions { target: to, in_transaction, limits: limits.into() }
}

async fn plan(options: UpOptions, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let plan = Migrator::plan(&place.address, &place.prefix, &options).await?;
    if output.is_json() {
        output.json(&plan)?;
    } else {
        let in_transaction = if options.in_transaction { " --in-transaction" } else { "" };
        let to =
            if options.target == Step::LATEST { String::new() } else { format!(" --to {}", options.target) };
        let command = place.migrate_command().replacen(" up", &format!(" up{to}{in_transaction}"), 1);
        plan::print(&plan, &command, output)?;
    }
    Ok(if plan.obstacles.is_empty() { Outcome::Done } else { Outcome::Failed })
}

fn one_below(status: &SchemaStatus) -> Target {
    let below = status.reached().and_then(|reached| Step::ALL.into_iter().rev().find(|step| *step < reached));
    below.map_or(Target::Nothing, Target::Step)
}

fn print_reports(reports: &[StepReport], place: &Place, output: Output) -> anyhow::Result<()> {
    if output.is_json() {
        let steps: Vec<_> = reports
            .iter()
            .map(|report| {
                json!({
                    "step": report.step.name(),
                    "direction": direction(report.up),
                    "duration_ms": u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
                    "notes": report.notes,
                })
            })
            .collect();
        return output.json(&json!({ "prefix": place.prefix.raw(), "steps": steps }));
    }
    if reports.is_empty() {
        output.text(format!("The schema {} is at that step already; nothing to do", place.prefix))?;
    }
    for report in reports {
        let took = text::seconds(report.duration.as_secs_f64());
        output.text(format!("step {} {}, {took}", report.step, direction(report.up)))?;
        for note in &report.notes {
            output.text(format!("  - {note}"))?;
        }
    }
    Ok(())
}

fn direction(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

/// A run that goes on, or that was broken off.
fn run_words(run: &LastRun) -> String {
    let at = |time: jiff::Timestamp| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let percent = run.percent.map_or(String::new(), |percent| format!(", {percent} %"));
    let what = format!("step {} {}: {}{percent}", run.step, direction(run.up), run.phase);
    if run.running {
        let waits = run.waits_for.as_ref().map_or(String::new(), |whom| format!("; waits for {whom}"));
        return format!(
            "A migration is running, in process {} of the server: {what}, since {}{waits}",
            run.server_pid,
            at(run.phase_began_at)
        );
    }
    format!(
        "A migration was broken off: {what}, begun {}, last heard of {}; its process {} of the server is gone. The same command goes on \
         from there",
        at(run.phase_began_at),
        at(run.updated_at),
        run.server_pid
    )
}

fn print_status(
    status: &SchemaStatus,
    last_run: Option<&LastRun>,
    place: &Place,
    output: Output,
) -> anyhow::Result<()> {
    let unfinished = last_run.filter(|run| run.running || !run.is_done());
    if output.is_json() {
        let steps: Vec<_> = status
            .steps
            .iter()
            .map(|step| {
                json!({
                    "step": step.step.name(),
                    "applied": step.applied,
                    "applied_at": step.applied_at.map(|at| at.to_string()),
                    "lacks": step.lacks,
                })
            })
            .collect();
        return output.json(&json!({
            "prefix": status.prefix.raw(),
            "phoenix_kit_version": status.marker,
            "reached": status.reached().map(Step::name),
            "latest": Step::LATEST.name(),
            "steps": steps,
            "migration": unfinished.map(|run| json!({
                "step": run.step,
                "direction": direction(run.up),
                "running": run.running,
                "phase": run.phase,
                "percent": run.percent,
                "done": run.done,
                "total": run.total,
                "unit": run.unit,
                "waits_for": run.waits_for,
                "server_pid": run.server_pid,
                "phase_began_at": run.phase_began_at.to_string(),
                "updated_at": run.updated_at.to_string(),
            })),
        }));
    }
    let marker =
        status.marker.map_or("no version marker".to_owned(), |number| format!("PhoenixKit version {number}"));
    output.text(format!("schema {}: {marker}", status.prefix))?;
    for step in &status.steps {
        let state = match (step.applied, step.applied_at) {
            (true, Some(at)) => format!("applied {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")),
            (true, None) => "applied".to_owned(),
            (false, _) if !step.lacks.is_empty() => format!("lacks {}", step.lacks.join(", ")),
            (false, _) => "not applied".to_owned(),
        };
        output.text(format!("  {:<4} {state:<32} {}", step.step.name(), step.step.purpose()))?;
    }
    if let Some(run) = unfinished {
        output.text(plain(&run_words(run)))?;
    }
    if status.reached() != Some(Step::LATEST) {
        output.text(format!("Bring it up to date with: {}", place.migrate_command()))?;
    }
    Ok(())
}

fn print_verification(found: &Verification, output: Output) -> anyhow::Result<()> {
    if output.is_json() {
        let list = |differences: &[Difference]| -> Vec<_> {
            differences
                .iter()
                .map(|difference| {
                    json!({ "table": difference.table, "what": difference.what, "fix": difference.fix })
                })
                .collect()
        };
        return output.json(&json!({
            "prefix": found.prefix.raw(),
            "phoenix_kit_version": found.marker,
            "step": found.step.map(Step::name),
            "differences": list(&found.differences),
            "notes": list(&found.notes),
        }));
    }
    let marker =
        found.marker.map_or("no version marker".to_owned(), |number| format!("PhoenixKit version {number}"));
    let against = found.step.unwrap_or(Step::V136);
    output.text(format!("schema {}: {marker}, compared with step {against}", found.prefix))?;
    print_differences("Different:", &found.differences, output)?;
    print_differences("Worth knowing:", &found.notes, output)?;
    output.text("")?;
    output.text(if found.is_whole() {
        format!("No differences: the tables are what step {against} says.")
    } else {
        let number = found.differences.len();
        format!("{number} difference{}.", if number == 1 { "" } else { "s" })
    })?;
    Ok(())
}

/// A list under its tables' names, each with what is to be done about it.
fn print_differences(title: &str, differences: &[Difference], output: Output) -> anyhow::Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    output.text("")?;
    output.text(title)?;
    let mut table = "";
    for difference in differences {
        if difference.table != table {
            table = &difference.table;
            output.text(format!("  {}", plain(table)))?;
        }
        output.text(format!("    - {}", plain(&difference.what)))?;
        if let Some(fix) = &difference.fix {
            output.text(format!("      fix: {}", plain(fix)))?;
        }
    }
    Ok(())
}
