//! Which of the contract's indexes a schema lacks, and what goes by their names without being them.

use tokio_postgres::Client;

use super::{
    Step, catalog,
    contract::{INDEXES, Index},
};
use crate::Prefix;

/// What of them a schema has.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that the program relies on and that are not there, or are no use, with the step that makes them.
    pub(super) lacks: Vec<(Step, String)>,
    /// Those that have the name and are no use, with what is wrong with them.
    pub(super) wrong: Vec<(&'static Index, String)>,
}

/// Reads it from the catalog.
///
/// The name alone says little: a build that failed leaves an index that refuses nothing, and somebody may have made
/// another one by hand. `IF NOT EXISTS` would take either for the real one.
pub(super) async fn read(client: &Client, prefix: &Prefix) -> Result<Found, tokio_postgres::Error> {
    let (indexes, others) = catalog::read_indexes(client, prefix).await?;
    let mut found = Found::default();
    for index in &INDEXES {
        let named = indexes.iter().find(|found| found.name == index.name);
        let wrong = match named {
            None => others.iter().any(|name| name == index.name).then(|| "no index".to_owned()),
            Some(named) => index.matches(named).err(),
        };
        if index.relied_on && (named.is_none_or(|named| !named.valid) || wrong.is_some()) {
            found.lacks.push((index.step, index.name.to_owned()));
        }
        found.wrong.extend(wrong.map(|wrong| (index, wrong)));
    }
    Ok(found)
}
