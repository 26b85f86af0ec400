//! Step a2: text in place of varchar(255) where real values are longer.

use tokio_postgres::{GenericClient, Row, Transaction};

use crate::{
    Prefix,
    schema::{
        MigrateError, Step,
        contract::{EVENTS, INDEXES, LOGS, quoted},
        online::{Failure, Session, Work},
    },
    sql::render,
};

const FOLDED_EVENTS: &str = "aftersend_folded_events";

/// What events tell in words of somebody else's.
const WORDS_OF_EVENTS: &[&str] = &["user_agent", "link_url", "reject_reason", "failure_reason"];

/// The columns that become text, by table: those whose values somebody else words. An application's own message id, a
/// subject, an address with its name, a tag (SES allows 256 characters), a link, a browser's description of itself.
///
/// Not those whose words come from a list of SES's or `PhoenixKit`'s (types, statuses, `provider`), or that are short by
/// their nature (`ip_address`, `configuration_set` with its 64 characters).
/// And never `aws_message_id`, `event_type` and `template_name`: they are in indexes with a predicate, which PostgreSQL
/// does not keep over the change, but builds anew while nobody can read or write the table.
pub(in crate::schema) const COLUMNS: [(&str, &[&str]); 3] = [
    (LOGS, &["message_id", "to", "from", "subject", "campaign_id"]),
    (EVENTS, WORDS_OF_EVENTS),
    (FOLDED_EVENTS, WORDS_OF_EVENTS),
];

/// What follows a column's name where it is not text.
pub(in crate::schema) const AS_TEXT: &str = " as text";

/// Whether the step makes a column text. It stays so when the step goes down.
pub(in crate::schema) fn widens(table: &str, column: &str) -> bool {
    COLUMNS.iter().any(|(of, names)| *of == table && names.contains(&column))
}

/// A column for text.
pub(in crate::schema) struct TextColumn {
    table: String,
    name: String,
    /// Whether a length limits it.
    narrow: bool,
    /// Its own collation, as SQL spells it.
    collation: Option<String>,
}

impl TextColumn {
    fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            table: row.try_get("table_name")?,
            name: row.try_get("column_name")?,
            narrow: row.try_get("narrow")?,
            collation: row.try_get("collation_name")?,
        })
    }

    fn is(&self, table: &str, name: &str) -> bool {
        self.table == table && self.name == name
    }
}

/// The columns for text in the step's tables.
pub(in crate::schema) async fn text_columns(
    client: &impl GenericClient,
    prefix: &Prefix,
) -> Result<Vec<TextColumn>, tokio_postgres::Error> {
    let tables = COLUMNS.map(|(table, _)| table);
    let statement = include_str!("../sql/read_text_columns.sql");
    let rows = client.query(statement, &[&prefix.raw(), &tables.as_slice()]).await?;
    rows.iter().map(TextColumn::read).collect()
}

/// Which of the step's columns do not hold text of any length: somebody's, or not changed yet.
pub(in crate::schema) fn lacks(found: &[TextColumn]) -> Vec<String> {
    let is_wide = |table, name| found.iter().any(|column| column.is(table, name) && !column.narrow);
    let columns = COLUMNS.iter().flat_map(|(table, names)| names.iter().map(move |name| (*table, *name)));
    columns
        .filter(|(table, name)| !is_wide(table, name))
        .map(|(table, name)| format!("{table}.{name}{AS_TEXT}"))
        .collect()
}

/// The statements that the step runs on tables of the contract.
pub(in crate::schema) fn templates() -> Vec<String> {
    let widen = |(table, names): (&str, &[&str])| widen(table, names.iter().map(|name| (*name, None)));
    COLUMNS.into_iter().map(widen).collect()
}

/// One statement for all columns of a table: each would take the lock anew. A collation that is not named is lost.
fn widen<'a>(table: &str, columns: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let changes: Vec<String> = columns
        .map(|(name, collation)| {
            let collate = collation.map(|collation| format!(" COLLATE {collation}")).unwrap_or_default();
            format!("    ALTER COLUMN {} TYPE text{collate}", quoted(name))
        })
        .collect();
    format!(
        "-- squawk-ignore-file changing-column-type -- text is stored as varchar is: neither the table nor an index is \
         written anew\nALTER TABLE \"prefix\".{table}\n{}",
        changes.join(",\n")
    )
}

/// Whether invalid indexes stand in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leftovers {
    Count,
    /// Steps before this one drop those that they know.
    AreIgnored,
}

/// Refuses before any step is taken what would only come to light behind the long one: an operator learns it at once.
pub(in crate::schema) async fn require_free_columns(
    client: &impl GenericClient,
    prefix: &Prefix,
) -> Result<(), MigrateError> {
    let failed = |error: tokio_postgres::Error| {
        MigrateError::database("looking for what uses columns that become text", &error)
    };
    let found = text_columns(client, prefix).await.map_err(failed)?;
    let uses = uses(client, &narrow_tables(prefix, &found), Leftovers::AreIgnored).await.map_err(failed)?;
    refuse(prefix, uses)
}

/// What there is to do.
fn narrow_tables<'a>(prefix: &'a Prefix, found: &'a [TextColumn]) -> Vec<Widen<'a>> {
    let narrow = |(table, names): (&'static str, &[&str])| {
        let narrow = |name: &&str| found.iter().find(|column| column.is(table, name) && column.narrow);
        Widen { prefix, table, columns: names.iter().filter_map(narrow).collect() }
    };
    COLUMNS.into_iter().map(narrow).filter(|table| !table.columns.is_empty()).collect()
}

async fn uses(
    client: &impl GenericClient,
    tables: &[Widen<'_>],
    leftovers: Leftovers,
) -> Result<Vec<String>, tokio_postgres::Error> {
    let mut uses = Vec::new();
    for table in tables {
        uses.extend(table.uses(client, leftovers).await?);
    }
    Ok(uses)
}

/// Takes it up. Each table is kept from its writers by itself, for as long as it takes to change its description, and
/// only where there is something to do.
pub(in crate::schema) async fn up(session: &mut Session<'_>) -> Result<Vec<String>, MigrateError> {
    session.phase("looking for what uses the columns", None, "tables");
    let found = text_columns(&*session.client, session.prefix).await;
    let found = found.map_err(|error| session.failed(&error))?;
    let tables = narrow_tables(session.prefix, &found);
    // All of it is looked at before any of it is changed.
    let uses = uses(&*session.client, &tables, Leftovers::Count).await;
    refuse(session.prefix, uses.map_err(|error| session.failed(&error))?)?;
    session.phase("making columns text", None, "tables");
    for table in &tables {
        session.transaction(&[table.table], table).await?;
    }
    analyze(session).await?;
    notes(session, &tables).await
}

/// Makes columns of one table text.
struct Widen<'a> {
    prefix: &'a Prefix,
    table: &'static str,
    columns: Vec<&'a TextColumn>,
}

impl Widen<'_> {
    fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| &*column.name).collect()
    }

    /// What stands in the way, a line each.
    async fn uses(
        &self,
        client: &impl GenericClient,
        leftovers: Leftovers,
    ) -> Result<Vec<String>, tokio_postgres::Error> {
        let statement = include_str!("../sql/read_uses_of_columns.sql");
        let leftovers = leftovers == Leftovers::Count;
        let rows =
            client.query(statement, &[&self.prefix.raw(), &self.table, &self.names(), &leftovers]).await?;
        let line = |row: &Row| {
            let (name, uses): (&str, &str) = (row.try_get("name")?, row.try_get("uses")?);
            let definition: Option<&str> = row.try_get("definition")?;
            let definition = definition.map(|ask| format!("; to see it: {ask};")).unwrap_or_default();
            Ok(format!("{name}, {uses}{definition}"))
        };
        rows.iter().map(line).collect()
    }
}

impl Work for &Widen<'_> {
    type Done = ();

    async fn run(&self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        // Asked again, now that nobody can add an index to the table.
        refuse(self.prefix, self.uses(transaction, Leftovers::Count).await?)?;
        let columns = self.columns.iter().map(|column| (&*column.name, column.collation.as_deref()));
        Ok(transaction.batch_execute(&render(&widen(self.table, columns), self.prefix)).await?)
    }
}

fn refuse(prefix: &Prefix, uses: Vec<String>) -> Result<(), MigrateError> {
    if uses.is_empty() {
        return Ok(());
    }
    Err(MigrateError::ColumnsInUse { step: Step::A2, prefix: prefix.clone(), uses })
}

/// Looks at the values anew where their statistics are gone, as they are with a column's old type, also when an earlier
/// run was ended before it came to that. Without them the planner guesses.
async fn analyze(session: &mut Session<'_>) -> Result<(), MigrateError> {
    for (table, names) in COLUMNS {
        let statement = include_str!("../sql/find_columns_without_statistics.sql");
        let rows = session.ask(statement, &[&session.prefix.raw(), &table, &names]).await?;
        let unknown: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        if unknown.is_empty() {
            continue;
        }
        session.phase(format!("looking at values of {table}"), None, "tables");
        session
            .waiting(&analyze_sql(session.prefix, table, names, &unknown))
            .await?
            .map_err(|error| session.failed(&error))?;
    }
    Ok(())
}

/// Looks at the values of those of a table's columns that nothing is known about.
fn analyze_sql(prefix: &Prefix, table: &str, names: &[&str], unknown: &[&str]) -> String {
    let columns = names.iter().filter(|name| unknown.contains(name)).map(|name| quoted(name));
    format!("ANALYZE {}.{table} ({})", prefix.quoted(), columns.collect::<Vec<_>>().join(", "))
}

/// What the step does to one table.
pub(in crate::schema) struct TableChange {
    pub(in crate::schema) table: &'static str,
    pub(in crate::schema) columns: Vec<&'static str>,
    /// Makes them text.
    pub(in crate::schema) widen: String,
    /// Looks at their values anew, where there are any.
    pub(in crate::schema) analyze: String,
}

/// What the step will do, told beforehand. A table that is not there yet will be made with short columns.
pub(in crate::schema) async fn changes(
    client: &impl GenericClient,
    prefix: &Prefix,
) -> Result<Vec<TableChange>, tokio_postgres::Error> {
    let found = text_columns(client, prefix).await?;
    let mut changes = Vec::new();
    for (table, names) in COLUMNS {
        let is_there = found.iter().any(|column| column.table == table);
        let rows = client
            .query(
                include_str!("../sql/find_columns_without_statistics.sql"),
                &[&prefix.raw(), &table, &names],
            )
            .await?;
        let mut unknown: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        let mut narrow = Vec::new();
        for name in names {
            let column = found.iter().find(|column| column.is(table, name));
            match column {
                Some(column) if column.narrow => narrow.push((*name, column.collation.as_deref())),
                None if !is_there => narrow.push((*name, None)),
                _ => {}
            }
        }
        let columns: Vec<&'static str> = narrow.iter().map(|(name, _)| *name).collect();
        unknown.extend(&columns);
        changes.push(TableChange {
            table,
            widen: if columns.is_empty() {
                String::new()
            } else {
                render(&widen(table, narrow.iter().copied()), prefix)
            },
            analyze: if unknown.is_empty() {
                String::new()
            } else {
                analyze_sql(prefix, table, names, &unknown)
            },
            columns,
        });
    }
    Ok(changes)
}

/// What an operator has to know of tables in use.
async fn notes(session: &mut Session<'_>, tables: &[Widen<'_>]) -> Result<Vec<String>, MigrateError> {
    let mut notes = Vec::new();
    let own_indexes: Vec<&str> = INDEXES.iter().map(|index| index.name).collect();
    for table in tables {
        let (schema, columns) = (session.prefix.raw(), table.names());
        let statement = include_str!("../sql/find_limiting_indexes.sql");
        let rows = session.ask(statement, &[&schema, &table.table, &columns, &own_indexes]).await?;
        notes.extend(rows.iter().map(|row| {
            let (index, column): (&str, &str) = (row.get(0), row.get(1));
            format!(
                "the index {index} takes no more than about 2,700 bytes of {column}: a row with a longer value is \
                 refused. An index on left({column}, 200) takes any"
            )
        }));
    }
    Ok(notes)
}

/// What taking it down leaves as it is.
pub(in crate::schema) const DOWN_NOTE: &str = "the columns stay text: varchar(255) would have every row written anew, and \
                                               longer values cut";
