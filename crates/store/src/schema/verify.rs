//! The contract against a database, for people: what is different, what that means, and how it goes away.
//!
//! Changes nothing. Rows are read only where the catalog does not vouch for them: a valid unique index leaves no
//! duplicates to look for.

#[cfg(test)]
mod tests;

use tokio_postgres::Client;

use super::{
    MigrateError, Migrator, SchemaStatus, Step,
    adopt::{self, Cure},
    catalog::{Catalog, FoundTable, Sort},
    compare,
    contract::{EVENTS, INDEXES, LOGS, MARKER_TABLE, TABLE_NAMES},
    steps::a2,
};
use crate::{Connection, DatabaseAddress, Prefix, sql::render};

/// What a verifying session is set to. It only reads, and gives up rather than wait behind somebody's lock.
const SESSION_SETTINGS: &str = "SET application_name = 'aftersend verify'; SET default_transaction_read_only = on; \
     SET lock_timeout = '2s'; SET client_connection_check_interval = '1s'; SET TimeZone = 'UTC'; \
     SET client_min_messages = 'warning'";

/// What a comparison of a schema with the contract found.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The schema.
    pub prefix: Prefix,
    /// `PhoenixKit`'s version number, nothing where none can be read.
    pub marker: Option<u32>,
    /// The step whose objects were looked for, those of all steps before it included: the last one that the schema
    /// says it has. Nothing where it says nothing that can be read; the tables of 136 were looked for then.
    pub step: Option<Step>,
    /// What breaks the contract, table by table.
    pub differences: Vec<Difference>,
    /// What is worth knowing and breaks nothing.
    pub notes: Vec<Difference>,
}

/// Something that is not as the contract says.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The table it is about.
    pub table: String,
    /// What it is, in a sentence without a full stop. Rows are named by their uuid.
    pub what: String,
    /// A statement or a command that makes it right, with what else there is to say.
    pub fix: Option<String>,
}

impl Verification {
    /// Whether the schema keeps the contract.
    pub fn is_whole(&self) -> bool {
        self.differences.is_empty()
    }
}

impl Migrator {
    /// Compares a schema with the contract of the step it is at. Changes nothing and waits for nobody's turn.
    ///
    /// Reads the events once where an index of V137 is missing, and the mails that have no SES id.
    ///
    /// # Errors
    ///
    /// When there is no way to the database, or a newer program has been at work there.
    pub async fn verify(address: &DatabaseAddress, prefix: &Prefix) -> Result<Verification, MigrateError> {
        let connection = Connection::open(address).await?;
        connection.client.batch_execute(SESSION_SETTINGS).await.map_err(|error| failed(&error))?;
        let mut verifier = compared(&connection.client, prefix).await?;
        verifier.rows().await.map_err(|error| failed(&error))?;
        Ok(verifier.finish())
    }
}

/// The same by the catalog alone, but for rows that decide what a difference of the catalog means.
pub(super) async fn compare_catalog(client: &Client, prefix: &Prefix) -> Result<Verification, MigrateError> {
    Ok(compared(client, prefix).await?.finish())
}

fn failed(error: &tokio_postgres::Error) -> MigrateError {
    MigrateError::database("comparing the schema", error)
}

async fn compared<'a>(client: &'a Client, prefix: &Prefix) -> Result<Verifier<'a>, MigrateError> {
    let catalog = Catalog::read(client, prefix).await.map_err(|error| failed(&error))?;
    let mut verifier = Verifier {
        client,
        catalog,
        verification: Verification {
            prefix: prefix.clone(),
            marker: None,
            step: None,
            differences: Vec::new(),
            notes: Vec::new(),
        },
    };
    let status = verifier.marker().await?;
    verifier.tables().await.map_err(|error| failed(&error))?;
    if let Some(status) = status {
        verifier.own_objects(&status);
    }
    Ok(verifier)
}

struct Verifier<'a> {
    client: &'a Client,
    catalog: Catalog,
    verification: Verification,
}

impl Verifier<'_> {
    fn differs(&mut self, table: &str, what: impl Into<String>, fix: impl Into<String>) {
        let difference = Difference { table: table.to_owned(), what: what.into(), fix: Some(fix.into()) };
        self.verification.differences.push(difference);
    }

    fn note(&mut self, table: &str, what: impl Into<String>, fix: Option<String>) {
        self.verification.notes.push(Difference { table: table.to_owned(), what: what.into(), fix });
    }

    /// The step whose objects must be there.
    fn upto(&self) -> Step {
        self.verification.step.unwrap_or(Step::V136)
    }

    fn up(&self) -> String {
        adopt::up_command(&self.verification.prefix)
    }

    /// What the schema says about itself.
    async fn marker(&mut self) -> Result<Option<SchemaStatus>, MigrateError> {
        let prefix = self.verification.prefix.clone();
        let say_136 = format!("COMMENT ON TABLE {}.{MARKER_TABLE} IS '136';", prefix.quoted());
        let status = match SchemaStatus::read(self.client, &prefix).await {
            Ok(status) => status,
            Err(MigrateError::Marker { found, .. }) => {
                let what = format!("has {found}, where PhoenixKit's version number should stand");
                self.differs(
                    MARKER_TABLE,
                    what,
                    format!("if the tables are PhoenixKit's at V136: {say_136}"),
                );
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.verification.marker = status.marker;
        let has_tables = TABLE_NAMES.iter().any(|table| self.catalog.table(table).is_some());
        match status.marker {
            None if !has_tables => {
                let what = format!("there are no tables of PhoenixKit's in the schema {prefix}");
                self.differs(MARKER_TABLE, what, self.up());
            }
            None => {
                let fix = format!(
                    "if the tables are PhoenixKit's at V136 or a copy of them: {} {say_136}",
                    adopt::marker_table(&prefix)
                );
                self.differs(MARKER_TABLE, "is missing, whose comment is the version of the tables", fix);
            }
            Some(marker) if marker < 136 => {
                let what = format!("says version {marker}; the contract begins at 136");
                self.differs(MARKER_TABLE, what, "run PhoenixKit's own migrations up to 136 first");
            }
            Some(marker) => {
                // What the schema says it has, whether it is whole or not.
                let own =
                    status.steps.iter().rev().find(|step| step.step.is_own() && step.applied_at.is_some());
                let last = if marker >= 137 { Step::V137 } else { Step::V136 };
                self.verification.step = Some(own.map_or(last, |own| own.step.max(last)));
            }
        }
        Ok(Some(status))
    }

    async fn tables(&mut self) -> Result<(), tokio_postgres::Error> {
        let nothing = self.verification.marker.is_none()
            && TABLE_NAMES.iter().all(|table| self.catalog.table(table).is_none());
        if nothing {
            // Said in one sentence; one for each table would tell no more.
            return Ok(());
        }
        let prefix = self.verification.prefix.clone();
        let drifts = compare::drifts(&self.catalog, self.upto());
        for judgement in adopt::judge(self.client, &prefix, &self.catalog, drifts).await? {
            let fix = match judgement.cure {
                Cure::Repair(repair) => {
                    format!("{} ({}; {})", self.up(), repair.sentence, repair.lock_words())
                }
                Cure::Obstacle(fix) | Cure::Leave(fix) => fix,
            };
            self.differs(judgement.table, judgement.what, fix);
        }
        for remark in compare::remarks(&self.catalog, &prefix.quoted(), self.upto()) {
            self.note(remark.table, remark.what, remark.fix);
        }
        Ok(())
    }

    /// What steps of our own have lost, and the indexes of V137 that are there before V137.
    fn own_objects(&mut self, status: &SchemaStatus) {
        for step in &status.steps {
            // Tables and indexes of the contract are compared in full.
            let is_contract = |name: &&String| {
                TABLE_NAMES.contains(&&***name) || INDEXES.iter().any(|index| index.name == **name)
            };
            for name in step.lacks.iter().filter(|name| !is_contract(name)) {
                let (table, column) = name.split_once('.').unwrap_or((name, ""));
                // That it is gone has been said already.
                if column.strip_suffix(a2::AS_TEXT).is_some_and(|column| self.is_gone(status, table, column))
                {
                    continue;
                }
                let what = if column.is_empty() && table.ends_with("_idx") {
                    format!("the index of step {} is missing, or of no use", step.step)
                } else if column.is_empty() {
                    format!("the table of step {} is missing", step.step)
                } else if let Some(column) = column.strip_suffix(a2::AS_TEXT) {
                    format!("column {column} is not text, as step {} makes it", step.step)
                } else {
                    format!("the column {column} of step {} is missing", step.step)
                };
                self.differs(table, what, self.up());
            }
        }
        if self.upto() == Step::V136 {
            let early: Vec<_> = INDEXES
                .iter()
                .filter(|index| index.step == Step::V137)
                .filter(|index| self.catalog.indexes.iter().any(|found| found.name == index.name))
                .collect();
            for index in early {
                self.note(
                    index.table,
                    format!("the index {} of step 137 is there already", index.name),
                    None,
                );
            }
        }
    }

    fn is_gone(&self, status: &SchemaStatus, table: &str, column: &str) -> bool {
        let column_is_gone = |found: &FoundTable| !found.columns.iter().any(|there| there.name == column);
        status.steps.iter().any(|step| step.lacks.iter().any(|name| name == table))
            || self.catalog.table(table).is_some_and(column_is_gone)
    }

    /// What is to be said about rows: differences from step 137 on, and before it what that step will do.
    async fn rows(&mut self) -> Result<(), tokio_postgres::Error> {
        let prefix = self.verification.prefix.clone();
        let has = |table: &str, columns: &[(&str, &str)]| {
            self.catalog.table(table).is_some_and(|found| {
                found.sort == Sort::Table
                    && columns.iter().all(|(name, kind)| {
                        found.column(name).is_some_and(|column| column.kind.starts_with(kind))
                    })
            })
        };
        let events = [("email_log_uuid", ""), ("event_type", ""), ("occurred_at", "timestamp")];
        let has_events = has(EVENTS, &events);
        let has_mails = has(LOGS, &[("uuid", ""), ("aws_message_id", ""), ("headers", "jsonb")]);
        let done = self.upto() >= Step::V137;
        let unique =
            INDEXES.iter().filter(|index| index.table == EVENTS && index.unique && index.step == Step::V137);
        for index in unique.filter(|_| has_events) {
            let holds = self.catalog.indexes.iter().any(|found| found.valid && index.matches(found).is_ok());
            if holds {
                continue;
            }
            let rows = index.predicate.map_or("true".to_owned(), super::contract::Predicate::sql);
            let sql = render(include_str!("sql/count_duplicates.sql"), &prefix)
                .replace("\"keys\"", &index.columns.join(", "))
                .replace("\"rows\"", &rows);
            let row = self.client.query_one(&sql, &[]).await?;
            let (surplus, mail): (i64, Option<String>) = (row.get(0), row.get(1));
            let Some(mail) = mail else { continue };
            let what = format!(
                "{} there before by ({}), most often of mail {mail}",
                events_are(surplus),
                index.columns.join(", ")
            );
            if done {
                self.differs(EVENTS, what, format!("{} (they are removed)", self.up()));
            } else {
                self.note(EVENTS, format!("{what}; step 137 removes them"), None);
            }
        }
        if !has_mails {
            return Ok(());
        }
        let row =
            self.client.query_one(&render(include_str!("sql/count_missing_ids.sql"), &prefix), &[]).await?;
        let (missing, mail): (i64, Option<String>) = (row.get(0), row.get(1));
        if let Some(mail) = mail {
            let what = format!(
                "{} no SES id though the headers give one that no mail has, such as {mail}",
                if missing == 1 { "1 mail has".to_owned() } else { format!("{missing} mails have") }
            );
            if done {
                let backfill =
                    one_line(&render(include_str!("sql/137_backfill_aws_message_id.sql"), &prefix));
                self.differs(LOGS, what, format!("{backfill};"));
            } else {
                self.note(LOGS, format!("{what}; step 137 fills them in"), None);
            }
        }
        Ok(())
    }

    /// Table by table, in the order in which they refer to each other; what is said about one stays in its order.
    fn finish(self) -> Verification {
        let Self { mut verification, .. } = self;
        let place = |difference: &Difference| {
            let tables = std::iter::once(MARKER_TABLE).chain(TABLE_NAMES);
            tables.into_iter().position(|table| table == difference.table).unwrap_or(usize::MAX)
        };
        verification.differences.sort_by_key(place);
        verification.notes.sort_by_key(place);
        verification
    }
}

fn events_are(number: i64) -> String {
    if number == 1 { "1 event is".to_owned() } else { format!("{number} events are") }
}

/// A statement without its comments, in a line.
fn one_line(statement: &str) -> String {
    let lines = statement.lines().map(str::trim).filter(|line| !line.starts_with("--"));
    lines.collect::<Vec<_>>().join(" ")
}
