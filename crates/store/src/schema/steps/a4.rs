//! Step a4: what parking needs in `PhoenixKit`'s table of orphaned events, which `PhoenixKit` itself never used.

use tokio_postgres::{GenericClient, Transaction, error::SqlState};

use super::a1::Part;
use crate::{
    Prefix,
    schema::{
        MigrateError, Step,
        contract::ORPHANED_EVENTS,
        online::{Failure, Session, Work, builds},
    },
    sql::render,
};

/// The index that tells how many events are parked and since when.
pub(in crate::schema) const PARKED_INDEX: &str = "aftersend_parked_received_at_idx";

pub(in crate::schema) static PARTS: [Part; 2] = [
    Part {
        table: ORPHANED_EVENTS,
        statements: include_str!("../sql/a4_up_parked.sql"),
        objects: &["phoenix_kit_email_orphaned_events.aftersend_fingerprint"],
    },
    Part {
        table: "aftersend_ids",
        statements: include_str!("../sql/a4_up_ids.sql"),
        objects: &["aftersend_ids_created_idx"],
    },
];

/// What the step makes.
pub(in crate::schema) fn objects() -> impl Iterator<Item = &'static str> {
    PARTS.iter().flat_map(|part| part.objects).copied().chain([PARKED_INDEX])
}

/// The parts of which something is not there.
pub(in crate::schema) fn parts_lacking(there: &[String]) -> impl Iterator<Item = &'static Part> {
    let lacks = |object: &&str| !there.iter().any(|there| there == object);
    PARTS.iter().filter(move |part| part.objects.iter().any(lacks))
}

/// Takes it up. Everything may be done again, and is after an attempt that was broken off.
pub(in crate::schema) async fn up(session: &mut Session<'_>) -> Result<Vec<String>, MigrateError> {
    let rows = session.ask(include_str!("../sql/read_own_objects.sql"), &[&session.prefix.raw()]).await?;
    let there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for part in parts_lacking(&there) {
        session.guarded(&[part.table], &render(part.statements, session.prefix)).await?;
    }
    if !there.iter().any(|there| there == PARKED_INDEX) {
        build(session).await?;
    }
    Ok(Vec::new())
}

/// Builds the index: at once where nothing stands in the table, and beside its writers where somebody uses it after
/// all.
async fn build(session: &mut Session<'_>) -> Result<(), MigrateError> {
    let parking = look(&*session.client, session.prefix).await;
    if parking.map_err(|error| session.failed(&error))? == Parking::Empty {
        return session.guarded(&[ORPHANED_EVENTS], &build_sql(session.prefix)).await;
    }
    session.phase(format!("building {PARKED_INDEX}"), None, "blocks");
    for statement in build_beside_sql(session.prefix) {
        loop {
            match session.waiting(&statement).await? {
                Ok(()) => break,
                Err(error) if error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) => {}
                Err(error) => return Err(session.failed(&error)),
            }
        }
    }
    Ok(())
}

/// What stands in the table that events are parked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schema) enum Parking {
    /// Nothing, or it is not there yet.
    Empty,
    /// Rows of somebody's.
    InUse,
}

/// Asks what stands in the table.
pub(in crate::schema) async fn look(
    client: &impl GenericClient,
    prefix: &Prefix,
) -> Result<Parking, tokio_postgres::Error> {
    let table = [ORPHANED_EVENTS].as_slice();
    if client.query_opt(include_str!("../sql/read_tables.sql"), &[&prefix.raw(), &table]).await?.is_none() {
        return Ok(Parking::Empty);
    }
    let find = render(include_str!("../sql/find_orphaned_event.sql"), prefix);
    let row = client.query_opt(&find, &[]).await?;
    Ok(if row.is_some() { Parking::InUse } else { Parking::Empty })
}

/// Builds it while nobody may write. What a failed build left has the name, and goes first.
pub(in crate::schema) fn build_sql(prefix: &Prefix) -> String {
    let schema = prefix.quoted();
    format!("DROP INDEX IF EXISTS {schema}.{PARKED_INDEX};\n{};", create_sql(prefix, ""))
}

/// Builds it beside writers.
pub(in crate::schema) fn build_beside_sql(prefix: &Prefix) -> [String; 2] {
    [builds::drop_sql(prefix, PARKED_INDEX), create_sql(prefix, "CONCURRENTLY ")]
}

fn create_sql(prefix: &Prefix, concurrently: &str) -> String {
    format!(
        "CREATE INDEX {concurrently}{PARKED_INDEX} ON {}.{ORPHANED_EVENTS} (received_at) WHERE aftersend_fingerprint IS NOT \
         NULL",
        prefix.quoted()
    )
}

/// Takes it down.
pub(in crate::schema) struct Down<'a> {
    pub(in crate::schema) prefix: &'a Prefix,
    /// Refuse while events are parked.
    pub(in crate::schema) keep_own_rows: bool,
}

impl Work for Down<'_> {
    type Done = ();

    async fn run(&self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        if self.keep_own_rows {
            // Asked before, to refuse before anything is done; asked again, now that nobody can park any more.
            let lock = render(include_str!("../sql/a4_lock_parked.sql"), self.prefix);
            transaction.batch_execute(&lock).await?;
            refuse_to_lose_parked(transaction, self.prefix).await?;
        }
        Ok(transaction.batch_execute(&render(include_str!("../sql/a4_down.sql"), self.prefix)).await?)
    }
}

/// Refuses while events are parked.
pub(in crate::schema) async fn refuse_to_lose_parked(
    client: &impl GenericClient,
    prefix: &Prefix,
) -> Result<(), MigrateError> {
    let row = client
        .query_one(&render(include_str!("../sql/count_parked_events.sql"), prefix), &[])
        .await
        .map_err(|error| MigrateError::database("counting parked events", &error))?;
    match row.get::<_, i64>(0) {
        0 => Ok(()),
        parked => Err(MigrateError::OwnData { step: Step::A4, rows: format!("{parked} parked events") }),
    }
}
