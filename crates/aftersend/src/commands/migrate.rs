//! `aftersend migrate`.

use aftersend_store::schema::{
    Difference, DownOptions, Migrator, SchemaStatus, Step, StepReport, Target, UpOptions, Verification,
};
use serde_json::json;

use crate::{
    Outcome,
    cli::MigrateCommand,
    database::Place,
    output::{Output, plain},
};

pub(crate) async fn run(command: &MigrateCommand, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let prefix = place.prefix.clone();
    let reports = match command {
        MigrateCommand::Status => {
            let status = Migrator::status(&place.address, &prefix).await?;
            print_status(&status, place, output)?;
            return Ok(Outcome::Done);
        }
        MigrateCommand::Verify => {
            let found = Migrator::verify(&place.address, &prefix).await?;
            print_verification(&found, output)?;
            return Ok(if found.is_whole() { Outcome::Done } else { Outcome::Failed });
        }
        MigrateCommand::Up { to, in_transaction, limits } => {
            let options =
                UpOptions { target: *to, in_transaction: *in_transaction, limits: (*limits).into() };
            Migrator::open(&place.address, prefix).await?.up(options).await?
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
            migrator.down(target, options).await?
        }
    };
    print_reports(&reports, place, output)?;
    Ok(Outcome::Done)
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
                    "direction": direction(report),
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
        let mut line =
            format!("step {} {} ({} ms)", report.step, direction(report), report.duration.as_millis());
        for note in &report.notes {
            line.push_str("; ");
            line.push_str(note);
        }
        output.text(line)?;
    }
    Ok(())
}

fn direction(report: &StepReport) -> &'static str {
    if report.up { "up" } else { "down" }
}

fn print_status(status: &SchemaStatus, place: &Place, output: Output) -> anyhow::Result<()> {
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
