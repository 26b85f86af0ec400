//! Writes the statements of all schema steps into a folder, a file for each way of each step, so that
//! `script/lint-sql` can check them as they run: those that the program puts together, too, and each with the
//! settings that go before it.
//!
//! `cargo run -p aftersend-store --example step_statements -- FOLDER`; without a folder it prints them.

use std::{fmt::Write as _, path::PathBuf};

use aftersend_store::{
    Prefix,
    schema::{StepStatements, step_statements},
};

/// What the plain way is excused from: it takes the tables' locks first, so that none of these statements makes
/// anybody wait who did not wait already.
const IN_TRANSACTION: &str = "-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion \
     -- the plain way holds the tables' locks for as long as it runs\n";

/// Outside of a transaction other rules hold. A repetition of what a killed run has done is kept from by looking.
const ONLINE: &str = "-- squawk-disable-assume-in-transaction\n\
     -- squawk-ignore-file prefer-robust-stmts -- what is there is looked up by its definition; IF NOT EXISTS goes by the name\n\
     -- squawk-ignore-file require-lock-timeout -- what waits here keeps no writer out; with a limit one old snapshot \
     makes it impossible\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let prefix: Prefix = "prefix".parse()?;
    for step in step_statements(&prefix) {
        let text = text(&step)?;
        match &folder {
            Some(folder) => std::fs::write(folder.join(file_name(&step)), text)?,
            None => println!("{text}"),
        }
    }
    Ok(())
}

fn way(step: &StepStatements) -> &'static str {
    if step.in_transaction { "in one transaction" } else { "online" }
}

fn file_name(step: &StepStatements) -> String {
    format!("{} {}.sql", step.step, way(step)).replace(',', "").replace(' ', "_")
}

fn text(step: &StepStatements) -> Result<String, std::fmt::Error> {
    let mut text = format!("-- Step {}, {}\n", step.step, way(step));
    text.push_str(if step.in_transaction { IN_TRANSACTION } else { ONLINE });
    for statement in &step.statements {
        let statement = statement.trim_end();
        let end = if statement.ends_with(';') { "" } else { ";" };
        write!(text, "\n{statement}{end}\n")?;
    }
    Ok(text)
}
