//! Whether the user may do what steps need, asked before the first of them changes anything.

use tokio_postgres::Client;

use super::{
    MigrateError, Step,
    contract::{MARKER_TABLE, TABLE_NAMES},
};
use crate::Prefix;

/// Refuses a user who could begin a step and not end it: who may delete rows of a table, and not build an index on it.
///
/// `step` is the first one to be taken. A schema that is not there yet belongs to whoever makes it.
pub(super) async fn require(client: &Client, prefix: &Prefix, step: Step) -> Result<(), MigrateError> {
    let tables: Vec<&str> = TABLE_NAMES.into_iter().chain([MARKER_TABLE]).collect();
    let row = client
        .query_opt(include_str!("sql/read_rights.sql"), &[&prefix.raw(), &tables])
        .await
        .map_err(|error| MigrateError::database("asking what the user may do", &error))?;
    let Some(row) = row else { return Ok(()) };
    let (user, creates): (String, bool) = (row.get("username"), row.get("creates"));
    let owners: Option<String> = row.get("owners");
    if let Some(owners) = owners {
        return Err(MigrateError::Permission {
            step,
            reason: format!(
                "only their owner may alter the tables; they belong to {owners}, and the user is {user}"
            ),
            hint: "Run it as the owner of the tables, or as a member of the owner's role",
        });
    }
    if !creates {
        return Err(MigrateError::Permission {
            step,
            reason: format!("{user} may not create anything in the schema {prefix}"),
            hint: "Have that schema's owner allow it: GRANT CREATE ON SCHEMA … TO …",
        });
    }
    Ok(())
}
